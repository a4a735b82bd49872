// SPDX-License-Identifier: Apache-2.0
//
// VATMESH_CHECK ends the process when one of our own invariants is broken: only a bug gets there,
// and a restart is cheaper than a wrong answer. Never used on anything that a peer can cause.
#pragma once

namespace vatmesh {

// Prints the failed condition with its place to stderr and aborts.
[[noreturn]] void checkFailed(const char* condition, const char* file, int line);

}  // namespace vatmesh

#define VATMESH_CHECK(condition) \
  ((condition) ? (void)0 : ::vatmesh::checkFailed(#condition, __FILE__, __LINE__))

#ifdef NDEBUG
#define VATMESH_DCHECK(condition) ((void)sizeof(condition))
#else
#define VATMESH_DCHECK(condition) VATMESH_CHECK(condition)
#endif
