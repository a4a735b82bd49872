// SPDX-License-Identifier: Apache-2.0
//
// Recorder writes the journal of the vat to a file, as the configuration's `debug` asks. An error
// on writing ends the recording, not the sidecar.
#pragma once

#include "rpc/base/log.h"
#include "rpc/vat/journal.h"
#include "sidecar/config/config.h"
#include "sidecar/event/append_file.h"

namespace vatmesh::link {

class Recorder {
 public:
  // Makes the file of `debug`, which names one, and its missing folders. `log` outlives the
  // recorder. kInvalidArgument, kRefused.
  static Result<Recorder> open(const config::Debug& debug, Logger& log);

  vat::Journal& journal() { return journal_; }
  // Writes what was recorded since the last call. Whenever the inputs at hand are done.
  void flush();

 private:
  Recorder(event::AppendFile file, vat::Journal journal, Logger& log)
      : file_(std::move(file)), journal_(std::move(journal)), log_(&log) {}

  event::AppendFile file_;
  vat::Journal journal_;
  Logger* log_;
  bool ended_ = false;
};

}  // namespace vatmesh::link
