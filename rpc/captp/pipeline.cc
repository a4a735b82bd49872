// SPDX-License-Identifier: Apache-2.0
#include "rpc/captp/pipeline.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "rpc/captp/connection.h"
#include "rpc/captp/core.h"

namespace vatmesh::captp {

namespace {

// Paths that are looked through one by one: most answers have one or two. A message may name a
// thousand, each for the first time.
constexpr size_t kFewPaths = 16;

}  // namespace

PathNode::PathNode(Pipeline& pipeline, std::span<const uint16_t> path)
    : PromiseNode(NodeKind::kPath, pipeline),
      pipeline_(pipeline),
      path_(path.begin(), path.end()) {}

void PendingCall::clear() {
  result.reset();
  message = {};
  payload = {};
  gate = {};
  capabilities.clear();
}

Pipeline::Pipeline(Core& core) : Counted(core) {}
Pipeline::~Pipeline() = default;

void Pipeline::onUnused() {
  if (connection) connection->finish(question, *this);
  if (op.value != 0) core_.cancelOp(op);
  if (awaits.value != 0) core_.locals.abandon(awaits);
  core_.forgetContent(*this);
  core_.recycle(*this);
}

void Pipeline::onStillUsed() {
  if (answers > 0) return;
  // Only the queue where its call waits still holds it: nobody wants that call any more.
  if (queued_in && handles() == 1 && !deliver_canceled) core_.leaveQueue(*this);
  if (waiting()) return;
  size_t erased = std::erase_if(paths_, [&](const auto& node) {
    if (node->uses() > 0) return false;
    if (index_) index_->erase(node.get());
    return true;
  });
  countPaths(-static_cast<int64_t>(erased));
}

void Pipeline::onNodeUnused() {
  if (answers == 0) core_.drop(*this);
}

void Pipeline::recycle() {
  connection = nullptr;
  question = {};
  sink = nullptr;
  sink_answer = {};
  sink_redirected = false;
  returned = local = false;
  next.reset();
  takes = 0;
  broken.reset();
  answers = 0;
  caller = awaits = {};
  op = {};
  callee.reset();
  queued_in = nullptr;
  early_cancellation_workaround = false;
  deliver_canceled = false;
  countPaths(-static_cast<int64_t>(paths_.size()));
  index_.reset();
  paths_.clear();
  asker = {};
}

void Pipeline::countPaths(int64_t more) {
  Connection* link = more == 0 ? nullptr : core_.find(asker);
  if (!link) return;
  link->path_count += static_cast<uint32_t>(more);
  core_.touch(*link);  // its entries are charged anew
}

size_t Pipeline::PathHash::operator()(std::span<const uint16_t> path) const {
  return std::hash<std::string_view>()(
      {reinterpret_cast<const char*>(path.data()), path.size_bytes()});
}

PathNode* Pipeline::findPath(std::span<const uint16_t> path) const {
  if (index_) {
    auto it = index_->find(path);
    return it == index_->end() ? nullptr : *it;
  }
  for (const auto& node : paths_) {
    if (std::ranges::equal(node->path(), path)) return node.get();
  }
  return nullptr;
}

PathNode* Pipeline::pathNode(std::span<const uint16_t> path) {
  if (PathNode* node = findPath(path)) return node;
  const Connection* link = core_.find(asker);
  if (paths_.size() >= kMaxPaths || (link && link->path_count >= link->limits().paths))
    return nullptr;
  countPaths(1);
  PathNode* node = paths_.emplace_back(std::make_unique<PathNode>(*this, path)).get();
  if (index_) {
    index_->insert(node);
  } else if (paths_.size() > kFewPaths) {
    index_ = std::make_unique<PathIndex>();
    for (const auto& each : paths_) index_->insert(each.get());
  }
  if (!waiting()) core_.resolveNewPath(*node);
  return node;
}

Pipeline& Pipeline::last() {
  Pipeline* pipeline = this;
  while (pipeline->next) pipeline = pipeline->next.get();
  return *pipeline;
}

}  // namespace vatmesh::captp
