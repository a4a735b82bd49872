// SPDX-License-Identifier: Apache-2.0
//
// Command describes one command of `vatmesh`: its words, its help, and the function that does it.
// The table of all of them is in main.cc.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "deploy/cli/arguments.h"
#include "deploy/cli/exit_code.h"

namespace vatmesh::deploy {

struct Command {
  std::string_view name;      // "key new"
  std::string_view operands;  // "FILE", "URI|CAPFILE", or empty
  size_t operand_count;
  std::string_view summary;  // one line
  std::string_view text;     // the rest of its help: what it does and an example
  std::span<const Flag> flags;
  int (*run)(const Arguments&);  // returns an ExitCode
  CapnpFlags capnp = CapnpFlags::kNo;
  size_t optional_operands = 0;  // how many may follow the others
};

// The commands, each in the file of its name.
extern const Command kExpose;
extern const Command kOpen;
extern const Command kKeyNew;
extern const Command kKeyShow;
extern const Command kRefsList;
extern const Command kRefsShow;
extern const Command kRefsRevoke;
extern const Command kStoreCopy;
extern const Command kUriShow;
extern const Command kUriDerive;
extern const Command kUriCheck;
extern const Command kCall;
extern const Command kValidate;

// The help of one command.
std::string helpOf(const Command& command);

// Writes "vatmesh: TEXT" to standard error and returns `code`.
int complain(std::string_view text, ExitCode code);
int complain(const Status& status);

// Writes to standard output; an error there is a failure of the command.
int print(std::string_view text);

}  // namespace vatmesh::deploy
