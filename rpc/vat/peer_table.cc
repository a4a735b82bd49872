// SPDX-License-Identifier: Apache-2.0
#include "rpc/vat/peer_table.h"

#include <algorithm>

namespace vatmesh::vat {
namespace {

// Both ends of a pair of links come to the same answer. std::string_view compares unsigned bytes.
bool newOneWins(std::string_view own, std::string_view peer, Initiative initiative) {
  return (own > peer) == (initiative == Initiative::kOurs);
}

}  // namespace

PeerTable::Decision PeerTable::add(std::string_view own, const Newcomer& newcomer) {
  Entries& entries = by_digest_[newcomer.digest];
  const Entry entry{newcomer.link, newcomer.instance};
  if (entries.empty()) {
    entries.push_back(entry);
    return {};
  }
  const Entry& first = entries.front();
  const bool wins = newOneWins(own, newcomer.digest, newcomer.initiative);
  if (!newcomer.instance.empty()) {
    // Another process has that key now, or shares it: the one that speaks last is surely there.
    const bool preferred = wins || newcomer.instance != first.instance;
    entries.insert(preferred ? entries.begin() : entries.end(), entry);
    return {};
  }
  Decision decision;
  if (wins) {
    decision.verdict = Verdict::kReplaces;
    for (const Entry& old : entries) decision.others.push_back(old.link);
    entries = {entry};
    return decision;
  }
  decision.others = {first.link};
  if (newcomer.initiative == Initiative::kOurs) {
    decision.verdict = Verdict::kRefused;
    return decision;
  }
  decision.verdict = Verdict::kDoubted;
  entries.push_back(entry);
  entries.back().doubted = true;
  return decision;
}

void PeerTable::remove(captp::LinkId link) {
  for (auto at = by_digest_.begin(); at != by_digest_.end(); ++at) {
    Entries& entries = at->second;
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [link](const Entry& entry) { return entry.link == link; });
    if (found == entries.end()) continue;
    entries.erase(found);
    if (entries.empty()) {
      by_digest_.erase(at);
    } else if (entries.front().doubted) {
      // Only doubted ones are left. The last to come is the one that the peer uses.
      std::reverse(entries.begin(), entries.end());
      for (Entry& entry : entries) entry.doubted = false;
    }
    return;
  }
}

captp::LinkId PeerTable::find(std::string_view digest) const {
  const auto found = by_digest_.find(digest);
  return found == by_digest_.end() ? captp::LinkId() : found->second.front().link;
}

std::vector<captp::LinkId> PeerTable::doubting(captp::LinkId link) const {
  std::vector<captp::LinkId> out;
  for (const auto& [digest, entries] : by_digest_) {
    if (entries.front().link != link) continue;
    for (const Entry& entry : entries) {
      if (entry.doubted) out.push_back(entry.link);
    }
  }
  return out;
}

}  // namespace vatmesh::vat
