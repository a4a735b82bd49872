// SPDX-License-Identifier: Apache-2.0
//
// Words of the configuration: durations, sizes, counts, and how they are printed; the nearest known
// word to a misspelt one. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "rpc/base/instant.h"

namespace vatmesh::config {

// `250ms`, `30s`, `10m`, `1h`; a unit is required. At most 1000 days.
std::optional<Duration> parseDuration(std::string_view text);
std::string printDuration(Duration duration);

// `512B`, `64KiB`, `64MiB`, `1GiB`; a unit is required. At most 2^62 bytes.
std::optional<uint64_t> parseSize(std::string_view text);
std::string printSize(uint64_t bytes);

// A plain decimal number.
std::optional<uint64_t> parseCount(std::string_view text);

// quote puts `text` in double quotes for a message: control characters escaped, cut when long, and
// a sturdy ref shown only as "capnp://…", since it is a secret.
std::string quote(std::string_view text);

// nearest returns the candidate with the least edit distance to `word`, empty when none is near
// enough to be meant.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace vatmesh::config
