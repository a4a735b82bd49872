// SPDX-License-Identifier: Apache-2.0
//
// makeStore makes the store that a configuration names. It is the only place that knows all
// backends.
#pragma once

#include <memory>

#include "persistence/store.h"
#include "persistence/store_spec.h"

namespace vatmesh::store {

// The system's calendar.
WallClock systemClock();

// makeStore never waits and never fails: a store whose disk or database is away says so when it is
// asked, and works once that is back. nullptr for kNone.
std::unique_ptr<Store> makeStore(const StoreSpec& spec, Post post, WallClock now = systemClock());

}  // namespace vatmesh::store
