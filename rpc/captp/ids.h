// SPDX-License-Identifier: Apache-2.0
//
// The ids of the four tables. Ours are chosen by us, theirs by the peer; on any other link they
// mean nothing (R-ID2).
#pragma once

#include "rpc/base/strong_id.h"

namespace vatmesh::captp {

using QuestionId = StrongId<struct QuestionTag>;  // ours
using AnswerId = StrongId<struct AnswerTag>;      // theirs
using ExportId = StrongId<struct ExportTag>;      // ours
using ImportId = StrongId<struct ImportTag>;      // theirs
using EmbargoId = StrongId<struct EmbargoTag>;    // ours

}  // namespace vatmesh::captp
