// SPDX-License-Identifier: Apache-2.0
//
// StoreCopy puts the refs of one store into another, page by page. What is there already and equal
// is left alone, so a copy that was interrupted goes on when it is started again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "deploy/cli/progress.h"
#include "persistence/store.h"
#include "persistence/store_spec.h"
#include "sidecar/event/loop.h"

namespace vatmesh::deploy {

class StoreCopy {
 public:
  // What becomes of a ref that the other store has with another content.
  enum class Differing : uint8_t { kKept, kReplaced };

  struct Counts {
    uint64_t copied = 0;
    uint64_t equal = 0;     // were there already
    uint64_t replaced = 0;  // had another content
    uint64_t kept = 0;      // likewise, and have it still
    uint64_t damaged = 0;   // could not be read
  };

  // `progress` outlives it.
  StoreCopy(const store::StoreSpec& from, const store::StoreSpec& to, Differing differing,
            Progress& progress);

  // Copies all. Ends at the first error that is one of a store, not of a ref.
  Status run();

  const Counts& counts() const { return counts_; }
  // What is to be told of single refs, by their short names: the first few.
  const std::vector<std::string>& remarks() const { return remarks_; }

 private:
  Result<store::Page> page(const std::string& token);
  void begin(const store::Listed& listed);
  void compare(const store::Digest& digest, const store::Stored& wanted);
  void differs(const store::Digest& digest, const store::Record& wanted,
               const Result<store::Stored>& found);
  void replace(const store::Digest& digest, const store::Record& wanted, store::Version found);
  void ended(const Status& status);
  void remark(const store::Digest& digest, const std::string& text);
  Status wait();

  event::Loop loop_;
  const Differing differing_;
  Progress& progress_;
  const Instant start_;
  Counts counts_;
  std::vector<std::string> remarks_;
  uint64_t waiting_ = 0;  // answers that will come
  Status error_;          // the first of a store
  std::unique_ptr<store::Store> from_, to_;
};

}  // namespace vatmesh::deploy
