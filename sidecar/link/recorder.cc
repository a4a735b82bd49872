// SPDX-License-Identifier: Apache-2.0
#include "sidecar/link/recorder.h"

#include <filesystem>
#include <utility>

#include "sidecar/net/folder.h"

namespace vatmesh::link {

Result<Recorder> Recorder::open(const config::Debug& debug, Logger& log) {
  const std::filesystem::path folder = std::filesystem::path(debug.journal).parent_path();
  net::makeFolders(folder.string());  // a failure shows when the file is made
  Result<event::AppendFile> file = event::AppendFile::open(debug.journal, vat::kJournalMagic);
  if (!file.ok()) return file.status().withContext("debug.journal");
  using Payloads = vat::Journal::Payloads;
  const Payloads payloads = debug.payloads ? Payloads::kRecorded : Payloads::kOmitted;
  log.warning("sidecar", "recording this vat's inputs in " + debug.journal +
                             (debug.payloads ? ", with what applications say to each other" : ""));
  return Recorder(std::move(*file), vat::Journal(payloads, debug.limit), log);
}

void Recorder::flush() {
  const std::string bytes = journal_.take();
  if (bytes.empty() || ended_) return;
  const Status written = file_.append(bytes);
  ended_ = !written.ok() || journal_.full();
  if (!written.ok()) log_->warning("sidecar", "the journal ends here: " + written.message());
  if (journal_.full()) log_->warning("sidecar", file_.path() + " is full: the journal ends here");
}

}  // namespace vatmesh::link
