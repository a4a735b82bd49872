// SPDX-License-Identifier: Apache-2.0
//
// How refs are shown: as lines of a table, as a list of fields, or as JSON. None shows an id, which
// no store has, or the object ref, which is the application's.
#pragma once

#include <string>

#include "persistence/store.h"

namespace vatmesh::deploy {

std::string refsTableHead();
// One line; of a damaged record, what is wrong.
std::string refsTableLine(const store::Listed& listed);

// All that is known of one ref, a field on a line.
std::string refText(const store::Digest& digest, const store::Record& record);

// One JSON object on one line.
std::string refJson(const store::Listed& listed);

}  // namespace vatmesh::deploy
