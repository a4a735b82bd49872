// SPDX-License-Identifier: Apache-2.0
//
// Arguments are a command's operands and flags, read by the command's own description.
// `--flag VALUE` and `--flag=VALUE` are the same; `--` ends the flags. All flags have two dashes: a
// word with one is an operand, unless a flag is near, since the name of a ref may begin with it.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/base/status.h"
#include "sidecar/config/capnp_options.h"

namespace vatmesh::deploy {

struct Flag {
  std::string_view name;   // with its dashes
  std::string_view value;  // what the help calls it; empty: the flag takes none
  std::string_view help;
};

struct Arguments {
  std::vector<std::string> operands;
  std::map<std::string, std::string, std::less<>> flags;
  config::CapnpOptions capnp;

  bool has(std::string_view flag) const { return flags.contains(flag); }
  std::optional<std::string> get(std::string_view flag) const;
};

// Whether a command takes the `--capnp-…` options of the OCaml library too.
enum class CapnpFlags : uint8_t { kNo, kYes };

// parseArguments reads `words`. An unknown flag names the nearest known one. kInvalidArgument; a
// sturdy ref among the words is never shown.
Result<Arguments> parseArguments(std::span<const std::string> words, std::span<const Flag> flags,
                                 CapnpFlags capnp);

}  // namespace vatmesh::deploy
