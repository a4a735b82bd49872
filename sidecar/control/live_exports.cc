// SPDX-License-Identifier: Apache-2.0
#include "sidecar/control/live_exports.h"

#include <utility>

#include "rpc/sturdy/object_id.h"

namespace vatmesh::control {
namespace {

Status exporterGone() {
  return {Code::kDisconnected, "the program that exported it is gone"};
}

}  // namespace

Result<LiveExports::Added> LiveExports::add(const captp::Capability& capability, Entry entry) {
  if (entry.label.size() > store::kMaxLabelBytes) {
    return Status(Code::kFailed, "export: the label has " + std::to_string(entry.label.size()) +
                                     " bytes; at most " + std::to_string(store::kMaxLabelBytes) +
                                     " are kept");
  }
  std::set<store::Digest>& of_link = by_link_[link::linkKey(entry.link)];
  if (of_link.size() >= hub_.settings().limits.exports) {
    return Status(Code::kOverloaded,
                  "export: too many at a time; drop handles of others, or raise "
                  "limits.exports");
  }
  Added added{.id = sturdy::generatedId(entropy_), .digest = {}};
  added.digest = restore::digestOf(added.id);
  const Status status = exports_.addLive(added.digest, capability, added.digest.shortName());
  if (!status.ok()) return status;
  of_link.insert(added.digest);
  by_digest_.emplace(added.digest, std::move(entry));
  ++hub_.counters().live_exports;
  return added;
}

bool LiveExports::remove(const store::Digest& digest, const Status& why) {
  const auto entry = by_digest_.find(digest);
  if (entry == by_digest_.end()) return false;
  const auto of_link = by_link_.find(link::linkKey(entry->second.link));
  of_link->second.erase(digest);
  if (of_link->second.empty()) by_link_.erase(of_link);
  by_digest_.erase(entry);
  --hub_.counters().live_exports;
  hub_.log().debug("control", "live export " + digest.shortName() + " ended: " + why.message());
  exports_.removeLive(digest, why);
  return true;
}

// A lost connection drops its handles before it is told as lost.
void LiveExports::dropped(const store::Digest& digest) {
  const Entry* entry = find(digest);
  if (entry == nullptr) return;
  const bool lost = hub_.find(entry->link) == nullptr;
  remove(digest, lost ? exporterGone() : Status(Code::kRefused, "it is exported no longer"));
}

void LiveExports::linkGone(captp::LinkId link) {
  const auto found = by_link_.find(link::linkKey(link));
  if (found == by_link_.end()) return;
  const std::set<store::Digest> digests = found->second;
  for (const store::Digest& digest : digests) remove(digest, exporterGone());
}

const LiveExports::Entry* LiveExports::find(const store::Digest& digest) const {
  const auto entry = by_digest_.find(digest);
  return entry == by_digest_.end() ? nullptr : &entry->second;
}

}  // namespace vatmesh::control
