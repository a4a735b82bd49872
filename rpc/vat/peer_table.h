// SPDX-License-Identifier: Apache-2.0
//
// PeerTable knows all links to vats that have a key: digest -> links. It says which link serves a
// new use, and what becomes of two links to one vat.
//
// A vat of our own kind shows an instance and may have several links. Any other keeps one, and both
// ends settle two by the rule of the OCaml network (ocaml-network 5.4): the link that the vat with
// the greater digest has opened survives. That rule can't tell a crossed dial from a peer that has
// come back while its old link is dead here and nobody has noticed; so before a newcomer is refused
// for a link, that link is doubted and has to answer.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/captp/effects.h"

namespace vatmesh::vat {

// Who opened a link.
enum class Initiative : uint8_t { kOurs, kTheirs };

class PeerTable {
 public:
  struct Newcomer {
    captp::LinkId link;
    Initiative initiative = Initiative::kOurs;
    std::string digest;    // of the peer, 32 raw bytes
    std::string instance;  // of its process; empty: not of our kind
  };

  enum class Verdict : uint8_t {
    kKept,      // and nothing else changes
    kReplaces,  // end `others` with an Abort that says kInvalidated
    kRefused,   // end the newcomer without a word; `others` has the link that is kept
    kDoubted,   // `others` has the link to ask: if it lives, end the newcomer without a word
  };
  struct Decision {
    Verdict verdict = Verdict::kKept;
    std::vector<captp::LinkId> others;
  };

  // What peers read when their link is replaced.
  static constexpr std::string_view kInvalidated = "Invalidated by newer connection";

  // A link is up. `own` is our digest. A refused newcomer and replaced links are not in the table;
  // a doubted one is, behind the link that it doubts.
  Decision add(std::string_view own, const Newcomer& newcomer);

  // A link is over. What doubted it, if anything, takes its place.
  void remove(captp::LinkId link);

  // The link for a new use of the vat `digest`; none: LinkId().
  captp::LinkId find(std::string_view digest) const;

  // The newcomers that wait for what becomes of `link`.
  std::vector<captp::LinkId> doubting(captp::LinkId link) const;

 private:
  struct Entry {
    captp::LinkId link;
    std::string instance;
    bool doubted = false;
  };
  // The first one is for new uses, and is never a doubted one. Never empty.
  using Entries = std::vector<Entry>;

  std::map<std::string, Entries, std::less<>> by_digest_;
};

}  // namespace vatmesh::vat
