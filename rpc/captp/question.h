// SPDX-License-Identifier: Apache-2.0
//
// An entry of the question table: something we asked and its life (captp-engine 1.4).
//
//   waiting    pipeline set, no Return yet
//   lingering  pipeline set, Return received: handles on the pipeline keep it
//   canceled   no pipeline, Finish sent, waiting for the Return that frees the id
//   forgotten  the same without an entry: nothing is to be done when the Return comes
//              (question_table.h)
//
// The results of a tail call stay with the peer, who takes them for what it had asked itself; its
// Return only says that they are there.
//
//   Core::ask              -> waiting
//   Connection::handleReturn  waiting -> lingering; canceled, forgotten -> gone
//   Connection::finish        lingering -> gone; waiting -> canceled or forgotten
#pragma once

#include "rpc/captp/export_record.h"
#include "rpc/captp/ids.h"
#include "rpc/captp/pipeline.h"

namespace vatmesh::captp {

struct Question {
  Pipeline* pipeline = nullptr;  // not a handle: the pipeline's end is what finishes the question
  bool returned = false;
  bool tail = false;           // sent with `yourself`: the results stay at the peer
  ExportRecord param_exports;  // for releaseParamCaps

  void clear() {
    pipeline = nullptr;
    returned = tail = false;
    param_exports.clear();
  }
};

}  // namespace vatmesh::captp
