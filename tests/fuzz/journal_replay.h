// SPDX-License-Identifier: Apache-2.0
//
// Plays the journal of a vat (rpc/vat/journal.h) again, on a fresh one.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "rpc/captp/effects.h"

namespace vatmesh::fuzz {

// One line, without object ids.
std::string describe(const captp::Effect& effect);

struct ReplayResult {
  uint64_t inputs = 0;  // that were played
  bool cut = false;     // the last entry was cut off
  bool full = false;    // the journal had reached its limit
  std::string failure;  // empty: none
};

// Feeds every input to a fresh vat and checks its invariants after each; stops at the first broken
// one, at what is no journal entry, and at the end. `say` gets each input as a line, `told` each of
// its effects.
ReplayResult replayJournal(std::string_view bytes,
                           const std::function<void(const std::string&)>& say,
                           const std::function<void(const std::string&)>& told);

}  // namespace vatmesh::fuzz
