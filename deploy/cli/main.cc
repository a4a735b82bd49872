// SPDX-License-Identifier: Apache-2.0
//
// `vatmesh`: the command line. Finds the command and hands it its arguments.
#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "deploy/cli/command.h"
#include "sidecar/config/scalar.h"

namespace vatmesh::deploy {
namespace {

constexpr std::array<const Command*, 13> kCommands{
    &kExpose,     &kOpen,      &kCall,    &kKeyNew,    &kKeyShow,  &kRefsList, &kRefsShow,
    &kRefsRevoke, &kStoreCopy, &kUriShow, &kUriDerive, &kUriCheck, &kValidate};

std::string overview() {
  constexpr size_t kColumn = 24;
  std::string out =
      "usage: vatmesh COMMAND [ARGUMENTS]\n\n"
      "Services that speak Cap'n Proto RPC, reached by URIs over TLS.\n\ncommands:\n";
  for (const Command* command : kCommands) {
    std::string usage = std::string(command->name);
    if (!command->operands.empty()) usage += " " + std::string(command->operands);
    const bool fits = usage.size() < kColumn;
    out += "  " + usage + (fits ? "" : "\n  ") +
           std::string(kColumn - (fits ? usage.size() : 0), ' ') + std::string(command->summary) +
           "\n";
  }
  return out +
         "  version                 Print the version\n"
         "  help [COMMAND]          Print this, or the help of a command\n"
         "\nexample, beside a server on port 5000:\n"
         "  vatmesh expose tcp:127.0.0.1:5000\n"
         "\nexit codes: 0 done, 1 answered by an error, 64 bad usage or configuration,\n"
         "69 can't be reached, 70 a bug in vatmesh, 77 refused\n";
}

int version() {
  return print("vatmesh " VATMESH_VERSION "\n");
}

// The command at the head of `words`, which may take two words.
const Command* findCommand(const std::vector<std::string>& words, size_t& length) {
  for (length = std::min<size_t>(2, words.size()); length > 0; --length) {
    std::string name = length == 2 ? words[0] + " " + words[1] : words[0];
    for (const Command* command : kCommands) {
      if (command->name == name) return command;
    }
  }
  return nullptr;
}

bool asksForHelp(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (word == "--") return false;
    if (word == "--help" || word == "-h") return true;
  }
  return false;
}

// The help of all commands that begin with `word`.
int printGroup(const std::string& word) {
  std::string text;
  for (const Command* command : kCommands) {
    if (command->name.starts_with(word + " "))
      text += (text.empty() ? "" : "\n") + helpOf(*command);
  }
  return print(text);
}

int unknownCommand(const std::vector<std::string>& words) {
  std::vector<std::string_view> names{"version", "help"};
  std::string group;
  for (const Command* command : kCommands) {
    names.push_back(command->name);
    if (!command->name.starts_with(words[0] + " ")) continue;
    group += (group.empty() ? "" : " or ") + std::string(command->name);
  }
  std::string whole = words[0];
  if (words.size() > 1 && !words[1].starts_with('-')) {
    std::string two = words[0] + " " + words[1];
    if (!config::nearest(two, names).empty() || !group.empty()) whole = two;
  }
  if (!group.empty() && asksForHelp(words)) return printGroup(words[0]);
  std::string text = "unknown command " + config::quote(whole);
  std::string_view near = config::nearest(whole, names);
  if (!group.empty() && whole == words[0]) {
    text += "; write " + group;
  } else if (!near.empty()) {
    text += "; did you mean " + config::quote(near) + "?";
  } else if (!group.empty()) {
    text += "; write " + group;
  } else {
    text += "; vatmesh help lists them";
  }
  return complain(text, kUsage);
}

int runCommand(const Command& command, const std::vector<std::string>& rest) {
  if (asksForHelp(rest)) return print(helpOf(command));
  Result<Arguments> arguments = parseArguments(rest, command.flags, command.capnp);
  if (!arguments) return complain(arguments.status());
  const size_t count = arguments->operands.size();
  if (count < command.operand_count || count > command.operand_count + command.optional_operands) {
    std::string usage = "vatmesh " + std::string(command.name);
    if (!command.operands.empty()) usage += " " + std::string(command.operands);
    bool few = count < command.operand_count;
    return complain(std::string(few ? "something is missing" : "too many arguments") + "; write " +
                        usage + ", or --help",
                    kUsage);
  }
  return command.run(*arguments);
}

int run(std::vector<std::string> words) {
  bool help = !words.empty() && words[0] == "help";
  if (help) words.erase(words.begin());
  if (words.empty()) {
    if (help) return print(overview());
    std::fputs(overview().c_str(), stderr);
    return kUsage;
  }
  if (words[0] == "--help" || words[0] == "-h") return print(overview());
  if (words[0] == "version" || words[0] == "--version") return version();
  size_t length = 0;
  const Command* command = findCommand(words, length);
  if (!command) return unknownCommand(words);
  if (help) return print(helpOf(*command));
  words.erase(words.begin(), words.begin() + static_cast<ptrdiff_t>(length));
  return runCommand(*command, words);
}

}  // namespace
}  // namespace vatmesh::deploy

int main(int argc, char** argv) {
  return vatmesh::deploy::run(std::vector<std::string>(argv + 1, argv + argc));
}
