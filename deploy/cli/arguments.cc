// SPDX-License-Identifier: Apache-2.0
#include "deploy/cli/arguments.h"

#include <algorithm>

#include "sidecar/config/scalar.h"

namespace vatmesh::deploy {
namespace {

Status usage(std::string text) {
  return {Code::kInvalidArgument, std::move(text)};
}

std::string_view nearestFlag(std::string_view name, std::span<const Flag> flags) {
  std::vector<std::string_view> names{"--help"};
  for (const Flag& flag : flags) names.push_back(flag.name);
  return config::nearest(name, names);
}

Status unknownFlag(std::string_view name, std::span<const Flag> flags) {
  const std::string_view near = nearestFlag(name, flags);
  std::string text = "unknown flag " + config::quote(name);
  if (near.empty()) return usage(text + "; --help lists them");
  return usage(text + "; did you mean " + std::string(near) + "?");
}

}  // namespace

std::optional<std::string> Arguments::get(std::string_view flag) const {
  auto found = flags.find(flag);
  if (found == flags.end()) return std::nullopt;
  return found->second;
}

Result<Arguments> parseArguments(std::span<const std::string> words, std::span<const Flag> flags,
                                 CapnpFlags capnp) {
  Arguments out;
  bool ended = false;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    // A lone dash is an operand: standard input.
    if (ended || !word.starts_with('-') || word == "-") {
      out.operands.push_back(word);
      continue;
    }
    if (word == "--") {
      ended = true;
      continue;
    }
    if (capnp == CapnpFlags::kYes && config::looksLikeCapnpOption(word)) {
      Result<size_t> next = config::takeCapnpOption(words, i, out.capnp);
      if (!next.ok()) return next.status();
      i = *next - 1;
      continue;
    }
    size_t equals = word.find('=');
    std::string name = word.substr(0, equals);
    auto flag = std::find_if(flags.begin(), flags.end(),
                             [&](const Flag& known) { return known.name == name; });
    if (flag == flags.end()) {
      if (word[1] == '-' || !nearestFlag(name, flags).empty()) return unknownFlag(name, flags);
      out.operands.push_back(word);
      continue;
    }
    if (out.has(name)) return usage(name + " is given twice; keep one of them");
    if (flag->value.empty()) {
      if (equals != std::string::npos) return usage(name + " takes no value");
      out.flags[name] = "";
    } else if (equals != std::string::npos) {
      out.flags[name] = word.substr(equals + 1);
    } else if (i + 1 < words.size()) {
      out.flags[name] = words[++i];
    } else {
      return usage(name + " needs a value: " + name + " " + std::string(flag->value));
    }
  }
  return out;
}

}  // namespace vatmesh::deploy
