// SPDX-License-Identifier: Apache-2.0
#include "sidecar/config/scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <numeric>
#include <utility>
#include <vector>

#include "rpc/base/bytes.h"
#include "rpc/base/encoding.h"
#include "rpc/sturdy/uri.h"

namespace vatmesh::config {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

// Milliseconds.
constexpr std::array<Unit, 4> kTimeUnits{{{"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
constexpr std::array<Unit, 4> kSizeUnits{
    {{"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10}, {"B", 1}}};

constexpr uint64_t kMaxMilliseconds = 1000ull * 86'400'000;
constexpr uint64_t kMaxSize = 1ull << 62;
constexpr size_t kMaxQuoted = 100;

std::optional<uint64_t> parseWithUnit(std::string_view text, std::span<const Unit> units,
                                      uint64_t max) {
  size_t digits = text.find_first_not_of("0123456789");
  if (digits == std::string_view::npos) return std::nullopt;
  std::optional<uint64_t> number = parseCount(text.substr(0, digits));
  if (!number) return std::nullopt;
  for (const Unit& unit : units) {
    if (text.substr(digits) != unit.name) continue;
    if (*number > max / unit.factor) return std::nullopt;
    return *number * unit.factor;
  }
  return std::nullopt;
}

// In the largest unit that needs no fraction.
std::string printWithUnit(uint64_t value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (value % unit.factor == 0 && (value > 0 || unit.factor == 1)) {
      return std::to_string(value / unit.factor) + std::string(unit.name);
    }
  }
  return std::to_string(value);
}

// Levenshtein, with a swap of neighbours as one step.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  std::iota(d[0].begin(), d[0].end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t same = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + same});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

// How much of `text` may be shown: of a URI, misspelt or not, the scheme or the fingerprint.
size_t beforeSecret(std::string_view text) {
  constexpr std::string_view kAuthority = "://";
  if (size_t scheme = text.find(kAuthority); scheme != std::string_view::npos) {
    return std::min(scheme + kAuthority.size(), kMaxQuoted);
  }
  size_t end = sturdy::looksLikeUri(text) ? text.find('@') + 1 : text.size();
  return std::min(end, kMaxQuoted);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

std::optional<Duration> parseDuration(std::string_view text) {
  auto milliseconds = parseWithUnit(text, kTimeUnits, kMaxMilliseconds);
  if (!milliseconds) return std::nullopt;
  return std::chrono::milliseconds(*milliseconds);
}

std::string printDuration(Duration duration) {
  auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return printWithUnit(static_cast<uint64_t>(milliseconds), kTimeUnits);
}

std::optional<uint64_t> parseSize(std::string_view text) {
  return parseWithUnit(text, kSizeUnits, kMaxSize);
}

std::string printSize(uint64_t bytes) {
  return printWithUnit(bytes, kSizeUnits);
}

std::optional<uint64_t> parseCount(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string quote(std::string_view text) {
  size_t end = beforeSecret(text);
  bool cut = end < text.size();
  text = text.substr(0, end);
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') out += '\\';
    out += byte < 0x20 || byte == 0x7f ? "\\x" + hexEncode({&byte, 1}) : std::string(1, c);
  }
  return out + (cut ? "…\"" : "\"");
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  constexpr size_t kLongest = 64;
  if (word.empty() || word.size() > kLongest) return {};
  std::string_view best;
  size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (std::string_view candidate : candidates) {
    size_t d = distance(lower(word), lower(candidate));
    if (word.size() >= 3 && lower(candidate).starts_with(lower(word))) d = 1;
    // As many edits as letters would turn any word into any other.
    if (d < best_distance && d < std::max(word.size(), candidate.size())) {
      best = candidate;
      best_distance = d;
    }
  }
  return best;
}

}  // namespace vatmesh::config
