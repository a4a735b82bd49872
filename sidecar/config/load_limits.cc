// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "sidecar/config/load_parts.h"
#include "sidecar/config/scalar.h"

namespace vatmesh::config {
namespace {

constexpr std::array<std::string_view, 12> kKeys{
    "message",        "segments",    "capabilities", "answers",   "exports",   "imports",
    "queuedMessages", "queuedBytes", "embargoes",    "queueSoft", "queueHard", "total"};

void readNumber(Context& context, const Section& section, std::string_view key, uint32_t& out) {
  constexpr uint64_t kMost = 1u << 30;
  const Node* node = section.find(key);
  if (!node) return;
  if (auto count = readCount(context, *node, 1, kMost)) out = static_cast<uint32_t>(*count);
}

void readBytes(Context& context, const Section& section, std::string_view key, uint64_t& out) {
  if (const Node* node = section.find(key)) out = readSize(context, *node).value_or(out);
}

// Lowers `value` to `most`; what the user wrote is never lowered silently.
void lower(Context& context, const Node* node, std::string_view key, uint64_t most,
           std::string_view why, uint64_t& value) {
  if (value <= most) return;
  if (node && node->find(key)) {
    context.warnings.push_back("limits." + std::string(key) + " is lowered from " +
                               printSize(value) + " to " + printSize(most) + ", " +
                               std::string(why));
  }
  value = most;
}

}  // namespace

void readLimits(Context& context, const Node* node, std::optional<uint64_t> memory_limit,
                Limits& limits) {
  if (node) {
    Section section(context, *node, "limits", kKeys);
    readBytes(context, section, "message", limits.message);
    readNumber(context, section, "segments", limits.segments);
    readNumber(context, section, "capabilities", limits.capabilities);
    readNumber(context, section, "answers", limits.answers);
    readNumber(context, section, "exports", limits.exports);
    readNumber(context, section, "imports", limits.imports);
    readNumber(context, section, "queuedMessages", limits.queued_messages);
    readBytes(context, section, "queuedBytes", limits.queued_bytes);
    readNumber(context, section, "embargoes", limits.embargoes);
    readBytes(context, section, "queueSoft", limits.queue_soft);
    readBytes(context, section, "queueHard", limits.queue_hard);
    readBytes(context, section, "total", limits.total);
  }
  if (memory_limit) {
    lower(context, node, "total", *memory_limit / 2, "half of this cgroup's memory limit",
          limits.total);
  }
  lower(context, node, "message", limits.total / 4, "a quarter of limits.total", limits.message);
  lower(context, node, "queueHard", limits.total / 2, "half of limits.total", limits.queue_hard);
  lower(context, node, "queueSoft", limits.total / 64, "a 64th of limits.total", limits.queue_soft);
}

}  // namespace vatmesh::config
