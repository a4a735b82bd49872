// SPDX-License-Identifier: Apache-2.0
//
// The four command line options that each program of the OCaml library has (ocaml-network 9), with
// its meaning. They stand for keys of the configuration, instead of a file or over it.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "rpc/base/status.h"
#include "sidecar/config/yaml_tree.h"

namespace vatmesh::config {

struct CapnpOptions {
  std::optional<std::string> secret_key_file;  // `key`; empty: a new one at each start
  std::optional<std::string> listen_address;   // `listen`
  std::optional<std::string> public_address;   // `advertise`
  bool disable_tls = false;                    // `tls: off` at every listener

  bool any() const { return secret_key_file || listen_address || public_address || disable_tls; }
};

// The section of a program's help.
extern const std::string_view kCapnpOptionsHelp;

// Whether `word` can only be one of them, or an attempt.
bool looksLikeCapnpOption(std::string_view word);

// capnpOptionName gives the whole name of which `name` is an unambiguous beginning, as in
// --capnp-listen. kInvalidArgument.
Result<std::string_view> capnpOptionName(std::string_view name);

// takeCapnpOption reads the option at words[at], `--NAME VALUE` or `--NAME=VALUE`, and gives the
// index behind it. kInvalidArgument.
Result<size_t> takeCapnpOption(std::span<const std::string> words, size_t at, CapnpOptions& out);

// checkComplete says which option is missing when there is no file: as there, the key and the
// listen address are required. kInvalidArgument.
Status checkComplete(const CapnpOptions& options);

// applyCapnpOptions writes the options into the configuration `root`. Their paths are relative to
// `folder`. What they put there has the place 0:0.
void applyCapnpOptions(const CapnpOptions& options, const std::string& folder, Node& root);

}  // namespace vatmesh::config
