// SPDX-License-Identifier: Apache-2.0
//
// The readers of single values and of maps with known keys. Each takes a node, gives a value or
// notes an error with the node's place, and never stops: all errors come out at once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/config.h"
#include "sidecar/config/yaml_tree.h"

namespace vatmesh::config {

// What one load gathers besides the values.
struct Context {
  std::string base_folder;
  std::vector<Diagnostic> errors;
  std::vector<std::string> warnings;

  void error(Place place, std::string text) { errors.push_back({place, std::move(text)}); }
  // "`what` is wrong; `remedy`"
  void error(Place place, std::string_view what, std::string_view remedy);

  // The absolute form of a path of the configuration.
  std::string absolute(std::string_view path) const;
};

// One map of the configuration with the keys that it may have. Unknown keys are noted when it is
// made; a node that is no map is noted too and reads as an empty one. An empty name means the whole
// configuration.
class Section {
 public:
  Section(Context& context, const Node& node, std::string name,
          std::span<const std::string_view> known);

  // The value of `key`, or null when it isn't there.
  const Node* find(std::string_view key) const { return node_.find(key); }
  // The place of `key`'s value, or of the section.
  Place place(std::string_view key) const;
  Place place() const { return node_.place; }
  bool ok() const { return ok_; }

 private:
  const Node& node_;
  bool ok_ = true;
};

// Each notes an error and returns nothing when the node isn't such a value.
std::optional<std::string> readText(Context& context, const Node& node, std::string_view example);
std::optional<std::string> readPath(Context& context, const Node& node);
std::optional<Duration> readDuration(Context& context, const Node& node);
std::optional<uint64_t> readSize(Context& context, const Node& node);
std::optional<uint64_t> readCount(Context& context, const Node& node, uint64_t min, uint64_t max);
// The index of the word in `words`.
std::optional<size_t> readChoice(Context& context, const Node& node,
                                 std::span<const std::string_view> words);
std::optional<TlsVersion> readTlsVersion(Context& context, const Node& node);
// `packed`: only `false` is served now.
void readPacked(Context& context, const Node& node);
std::optional<AllowUids> readAllowUids(Context& context, const Node& node);

// An address of any form, its Unix path made absolute.
std::optional<std::string> readAddress(Context& context, const Node& node);

// A socket for local programs: an address, or `{address, allowUids}`.
std::optional<LocalSocket> readLocalSocket(Context& context, const Node& node,
                                           std::string_view name);

// "a, b or c"
std::string listOf(std::span<const std::string_view> words);

}  // namespace vatmesh::config
