// SPDX-License-Identifier: Apache-2.0
//
// An entry of the answer table: something the peer asked and its life (captp-engine 1.5).
//
//   running    pipeline set, no Return sent
//   returned   Return sent: kept for pipelined calls until Finish, unless it holds no capability
//
// A `yourself` answer is redirected: its results wait in the pipeline until the peer takes them by
// Return.takeFromOtherQuestion, once (R-T1).
#pragma once

#include "rpc/base/instant.h"
#include "rpc/captp/export_record.h"
#include "rpc/captp/ids.h"
#include "rpc/captp/pipeline.h"

namespace vatmesh::captp {

struct Answer {
  Held<Pipeline> pipeline;
  bool returned = false;
  bool redirected = false;
  bool taken = false;
  bool wants_return = true;  // false: onlyPromisePipeline
  bool is_call = false;      // false: a Bootstrap
  Instant started;
  ExportRecord result_exports;

  void clear() {
    pipeline.reset();
    returned = redirected = taken = is_call = false;
    wants_return = true;
    started = {};
    result_exports.clear();
  }
};

}  // namespace vatmesh::captp
