// SPDX-License-Identifier: Apache-2.0
#include "deploy/cli/command.h"

#include <algorithm>
#include <cstdio>

namespace vatmesh::deploy {
namespace {

std::string flagUsage(const Flag& flag) {
  std::string out(flag.name);
  if (!flag.value.empty()) out += " " + std::string(flag.value);
  return out;
}

// Columns on a terminal, as far as our own texts need it: one for each character.
size_t widthOf(std::string_view text) {
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), begins));
}

}  // namespace

std::string helpOf(const Command& command) {
  std::string out = "usage: vatmesh " + std::string(command.name);
  if (!command.operands.empty()) out += " " + std::string(command.operands);
  if (!command.flags.empty()) out += " [FLAGS]";
  out += "\n\n" + std::string(command.summary) + "\n\n" + std::string(command.text);
  size_t width = 0;
  for (const Flag& flag : command.flags) width = std::max(width, widthOf(flagUsage(flag)));
  if (width > 0) out += "\nflags:\n";
  for (const Flag& flag : command.flags) {
    std::string usage = flagUsage(flag);
    out +=
        "  " + usage + std::string(width - widthOf(usage) + 2, ' ') + std::string(flag.help) + "\n";
  }
  if (command.capnp == CapnpFlags::kYes) out += "\n" + std::string(config::kCapnpOptionsHelp);
  return out;
}

int complain(std::string_view text, ExitCode code) {
  std::fprintf(stderr, "vatmesh: %.*s\n", static_cast<int>(text.size()), text.data());
  return code;
}

int complain(const Status& status) {
  return complain(status.message(), exitCodeOf(status.code()));
}

int print(std::string_view text) {
  bool ok = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  ok = std::fflush(stdout) == 0 && ok;
  return ok ? kDone : complain("can't write to standard output", kAnsweredByError);
}

}  // namespace vatmesh::deploy
