// SPDX-License-Identifier: Apache-2.0
//
// ExportRecord is which exports a message named, one for each descriptor that was written (R-RC4):
// a flag of its answer, or of the Finish, may release them. All records of a link are counted,
// since their entries are charged for them (flow.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "rpc/captp/ids.h"

namespace vatmesh::captp {

class ExportRecord {
 public:
  // `count` is the link's, and outlives the record.
  void add(ExportId id, uint32_t& count) {
    ids_.push_back(id);
    count_ = &count;
    ++count;
  }
  // Empties it.
  std::vector<ExportId> take() {
    forget();
    return std::exchange(ids_, {});
  }
  void clear() {
    forget();
    ids_.clear();
    if (ids_.capacity() > kMaxIdle) ids_ = {};
  }
  bool empty() const { return ids_.empty(); }
  size_t size() const { return ids_.size(); }

 private:
  static constexpr size_t kMaxIdle = 16;  // places that an empty record keeps

  void forget() {
    if (count_) *count_ -= static_cast<uint32_t>(ids_.size());
  }

  std::vector<ExportId> ids_;
  uint32_t* count_ = nullptr;
};

}  // namespace vatmesh::captp
