// SPDX-License-Identifier: Apache-2.0
#include "sidecar/restore/metered_store.h"

#include <chrono>
#include <utility>

namespace vatmesh::restore {
namespace {

using metrics::StoreOp;
using metrics::StoreResult;

StoreResult resultOf(Code code) {
  switch (code) {
    case Code::kOk:
      return StoreResult::kOk;
    case Code::kNotFound:
      return StoreResult::kNotFound;
    case Code::kConflict:
      return StoreResult::kConflict;
    case Code::kUnavailable:
      return StoreResult::kUnavailable;
    case Code::kRefused:
      return StoreResult::kRefused;
    case Code::kCorrupt:
      return StoreResult::kCorrupt;
    case Code::kFull:
      return StoreResult::kFull;
    default:
      return StoreResult::kOther;
  }
}

const Status& outcomeOf(const Status& status) {
  return status;
}
template <typename T>
Status outcomeOf(const Result<T>& result) {
  return result.status();
}

}  // namespace

template <typename Done>
Done MeteredStore::metered(StoreOp op, Done done) {
  return [this, op, begin = loop_.now(), done = std::move(done)](auto result) {
    metrics::StoreCounts& counts = counters_.store[metrics::at(op)];
    const Status outcome = outcomeOf(result);
    ++counts.results[metrics::at(resultOf(outcome.code()))];
    counts.durations.add(std::chrono::duration<double>(loop_.now() - begin).count());
    if (on_outcome_) on_outcome_(outcome);
    done(std::move(result));
  };
}

void MeteredStore::get(const store::Digest& digest, OnGet done) {
  store_->get(digest, metered(StoreOp::kGet, std::move(done)));
}

void MeteredStore::getFresh(const store::Digest& digest, OnGet done) {
  store_->getFresh(digest, metered(StoreOp::kGet, std::move(done)));
}

void MeteredStore::put(const store::Digest& digest, store::Record record, store::Version expected,
                       OnPut done) {
  store_->put(digest, std::move(record), expected, metered(StoreOp::kPut, std::move(done)));
}

void MeteredStore::remove(const store::Digest& digest, store::Version expected, OnRemove done) {
  store_->remove(digest, expected, metered(StoreOp::kRemove, std::move(done)));
}

void MeteredStore::list(std::string page_token, size_t limit, OnList done) {
  store_->list(std::move(page_token), limit, metered(StoreOp::kList, std::move(done)));
}

}  // namespace vatmesh::restore
