// SPDX-License-Identifier: Apache-2.0
//
// Faults that can be planted in the engine to show that the fuzzer finds them (tests/fuzz/planted),
// in a build of their own (-DVATMESH_PLANTED_FAULTS=ON). In every other none is there.
#pragma once

#include <string_view>

namespace vatmesh::captp {

// refcount       a descriptor that names a known import is not counted
// release_order  a Release overtakes what was written in the same turn
// embargo        calls along the new way don't wait for those along the old one
// used_path      ... nor do they where results hold something of ours
// used_promise   ... nor where a promise resolves to something of ours
// relay          a peer's Disembargo is echoed although calls are on their way along the old path
// alias          an entry that was announced as another follows it only once (0.1.1)
// chain          an embargo is lifted at the first echo, although the old path leads on
// exception      promises of a call that failed are not told so
// announcement   only the first holder of a promise is told what became of it
// cancel         a Finish before the Return does not reach whom we asked
// retained       results that were kept stay charged
#ifdef VATMESH_PLANTED_FAULTS
inline std::string_view planted_fault;  // the one that is planted; set before there is a vat
inline bool planted(std::string_view fault) {
  return fault == planted_fault;
}
#else
constexpr bool planted(std::string_view fault) {
  return false;
}
#endif

}  // namespace vatmesh::captp
