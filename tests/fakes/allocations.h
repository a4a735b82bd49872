// SPDX-License-Identifier: Apache-2.0
//
// Counts allocations. A program that compiles allocations.cc in has its operator new replaced.
#pragma once

#include <cstdint>

namespace vatmesh::test {

// Calls of operator new so far, of all threads.
uint64_t allocationCount();

}  // namespace vatmesh::test
