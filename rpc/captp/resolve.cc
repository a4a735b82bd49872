// SPDX-License-Identifier: Apache-2.0
//
// Where messages go, and how promises settle.
#include "rpc/captp/connection.h"
#include "rpc/captp/core.h"
#include "rpc/captp/errors.h"
#include "rpc/captp/planted.h"
#include "rpc/wire/image.h"
#include "rpc/wire/text.h"

namespace vatmesh::captp {
namespace {

const wire::Exception& nullCapability() {
  static const wire::Exception why = failed("call on a null capability");
  return why;
}

const wire::Exception& noCapability() {
  static const wire::Exception why = failed("the results hold no capability there");
  return why;
}

// Bytes of what is left of an exception's text where its link has too many: who holds what broke
// may be somebody else, whom nobody makes let go.
constexpr size_t kShortText = 64;

// Recycled cells beyond this are freed.
constexpr size_t kMaxIdleCells = 4096;

}  // namespace

Ref Core::broken(wire::Exception why, LinkId because) {
  const Connection* link = find(because);
  if (link && budget.of(because)[static_cast<size_t>(Load::kTexts)] > link->limits().queue_soft) {
    why.reason = std::string(wire::cutText(why.reason, kShortText));
    why.trace = {};
  }
  const uint64_t bytes = sizeof(BrokenNode) + why.reason.capacity() + why.trace.capacity();
  return Ref(new BrokenNode(*this, std::move(why), Charge(budget, because, Load::kTexts, bytes)));
}

Route Core::route(Node& pin) {
  Route route;
  Node* node = &pin;
  for (;;) {
    switch (node->kind()) {
      case NodeKind::kNull:
        route.why = &nullCapability();
        return route;
      case NodeKind::kBroken:
        route.why = &whyBroken(*node);
        return route;
      case NodeKind::kImport: {
        auto& import = static_cast<ImportNode&>(*node);
        if (!import.connection()) {
          route.why = &whyBroken(*import.lost.get());
          return route;
        }
        route.kind = Route::Kind::kLink;
        route.connection = import.connection();
        route.target = {wire::Target::Kind::kImportedCap, import.id().value, {}};
        route.promise = &import;
        return route;
      }
      case NodeKind::kPath: {
        auto& path = static_cast<PathNode&>(*node);
        Pipeline& pipeline = path.pipeline();
        if (pipeline.connection) {
          route.kind = Route::Kind::kLink;
          route.connection = pipeline.connection;
          route.target = {wire::Target::Kind::kPromisedAnswer, pipeline.question.value,
                          path.path()};
          route.promise = &path;
        } else if (pipeline.waiting()) {
          route.kind = Route::Kind::kQueue;
          route.queue = &pipeline.queue;
          route.path = &path;
        } else {
          route.why = pipeline.broken ? &whyBroken(*pipeline.broken.get()) : &noCapability();
        }
        return route;
      }
      case NodeKind::kLocal:
        route.kind = Route::Kind::kLocal;
        route.local = static_cast<LocalNode*>(node);
        return route;
      case NodeKind::kGate:
        if (route.gate.value == 0) route.gate = static_cast<GateNode&>(*node).id();
        static_cast<GateNode&>(*node).shorten();
        node = static_cast<GateNode&>(*node).inner();
        continue;
      case NodeKind::kEmbargo: {
        auto& embargo = static_cast<EmbargoNode&>(*node);
        if (embargo.settled()) {
          node = follow(node);
          continue;
        }
        route.kind = Route::Kind::kQueue;
        route.queue = &embargo.queue;
        return route;
      }
    }
  }
}

bool Core::closesCircle(const PromiseNode& node, const Node& to) {
  return followToEnd(const_cast<Node*>(&to)) == &node;
}

Place Core::movedOn(Node& named) {
  Node* at = &named;
  while (at->kind() == NodeKind::kImport) {
    auto& import = static_cast<ImportNode&>(*at);
    if (import.bounce) return import.bounce;
    if (!import.to()) break;
    at = import.to().get();
  }
  return {};
}

void Core::resolve(PromiseNode& promise, Ref to, Place bounce) {
  if (closesCircle(promise, *to.get())) to = unusable(Unusable::kItself);  // R-P7
  Node* end = follow(to.get());
  if (end->kind() == NodeKind::kNull || end->kind() == NodeKind::kBroken) {
    bounce = {};  // R-D1
  } else if (!bounce) {
    bounce = movedOn(*to.get());
  }
  if (!bounce) {
    // The same wire, along which its host keeps order.
    PromiseNode* next = asPromise(*end);
    if (promise.used && next) next->used = true;
    return settle(promise, std::move(to));
  }
  // A fact also where nothing is shortened: what is told later may lead past the promise, so what
  // went along it has to be followed.
  promise.bounce = std::move(bounce);
  if (!shortens_paths) return settle(promise, Ref());
  const bool used =
      promise.used && !planted(promise.kind() == NodeKind::kPath ? "used_path" : "used_promise");
  if (!used) return settle(promise, std::move(to));
  Ref held = embargo(std::move(to));
  promise.markSettled();
  flushAlong(static_cast<EmbargoNode&>(*held.get()), promise);
  settle(promise, std::move(held));
}

void Core::settle(PromiseNode& promise, Ref to) {
  promise.markSettled();
  promise.setTo(std::move(to));
  announceAll(promise);
}

void Core::announceAll(PromiseNode& promise) {
  for (const Holder& holder : promise.takeHolders()) {
    holder.connection->announce(holder.id);
    if (planted("announcement")) break;
  }
}

std::optional<uint32_t> Core::indexAt(const Pipeline& results, std::span<const uint16_t> path) {
  auto index = results.image ? wire::capabilityAt(*results.image, path)
                             : wire::capabilityAt(results.retained, results.retained_payload, path);
  return index && *index < results.capabilities.size() ? index : std::nullopt;
}

void Core::leadPaths(Pipeline& pipeline) {
  for (const auto& node : pipeline.paths()) {
    auto index = indexAt(pipeline, node->path());
    if (index) lead(*node, *follow(pipeline.capabilities[*index].get()));
  }
}

void Core::resolvePaths(Pipeline& pipeline) {
  // By index: announcing may add paths.
  for (size_t i = 0; i < pipeline.paths().size(); ++i) {
    PathNode& node = *pipeline.paths()[i];
    if (node.settled()) continue;
    if (auto index = indexAt(pipeline, node.path())) {
      resolve(node, pipeline.capabilities[*index], pipeline.bounces[*index]);
    } else {
      settle(node, broken(noCapability()));
    }
  }
}

void Core::resolveNewPath(PathNode& node) {
  Pipeline& pipeline = node.pipeline();
  if (!pipeline.told.empty()) {
    auto index = indexAt(pipeline.last(), node.path());
    if (index) node.cell = pipeline.told[*index];
    settle(node, index ? pipeline.last().capabilities[*index] : broken(noCapability()));
  } else if (pipeline.next) {
    PathNode* there = pipeline.next->pathNode(node.path());
    Ref to = there ? Ref(there) : broken(overloaded("too many paths are used"));
    Node& place = there ? *there->place() : *to.get();
    lead(node, closesCircle(node, place) ? *unusable(Unusable::kItself).get() : place);
    resolve(node, std::move(to), there ? Place{{}, Pin(there)} : Place());
  } else if (pipeline.image || !pipeline.retained.empty()) {
    // Nobody was told: the results wait to be taken.
    auto index = indexAt(pipeline, node.path());
    Ref to = index ? pipeline.capabilities[*index] : broken(noCapability());
    if (index && (pipeline.local || pipeline.bounces[*index])) lead(node, *follow(to.get()));
    resolve(node, std::move(to), index ? pipeline.bounces[*index] : Place());
  } else if (pipeline.broken) {
    lead(node, *pipeline.broken.get());
    settle(node, pipeline.broken);
  } else if (pipeline.returned) {
    // Nothing of the results is kept: the question itself serves, whatever is there.
    settle(node, pipeline.connection ? Ref() : broken(noCapability()));
  }
}

void Core::lead(PathNode& node, Node& to) {
  node.cell = newCell();
  node.cell->set(&to, Cell::Told::kOurs);
}

Held<Cell> Core::newCell() {
  if (idle_cells_.empty()) return Held<Cell>(new Cell(*this));
  Cell* cell = idle_cells_.back();
  idle_cells_.pop_back();
  return Held<Cell>(cell);
}

void Core::recycle(Cell& cell) {
  cell.recycle();
  if (idle_cells_.size() < kMaxIdleCells) {
    idle_cells_.push_back(&cell);
  } else {
    delete &cell;
  }
}

void Core::take(Pipeline& pipeline, Pipeline& from) {
  pipeline.returned = true;
  const bool circle = &from.last() == &pipeline;
  const uint32_t more = pipeline.takes + 1;
  if (circle || from.last().takes + more > Pipeline::kMaxTakes) {
    // Without the question, so that no call runs round in it.
    Connection* asked = std::exchange(pipeline.connection, nullptr);
    if (asked) asked->finish(pipeline.question, pipeline);
    breakPipeline(pipeline, broken(circle ? failed("a question was answered by itself")
                                          : overloaded("too many tail calls in a row")));
    return;
  }
  for (Pipeline* p = &from; p; p = p->next.get()) {
    p->answers += pipeline.answers;
    p->takes += more;
  }
  pipeline.next = Held<Pipeline>(&from);
  for (size_t i = 0; i < pipeline.paths().size(); ++i) {
    PathNode& node = *pipeline.paths()[i];
    if (node.settled()) continue;
    if (!node.used) {
      resolveNewPath(node);
    } else if (PathNode* there = from.pathNode(node.path())) {
      resolve(node, Ref(there), Place{{}, Pin(there)});
    } else {
      settle(node, broken(overloaded("too many paths are used")));
    }
  }
  Pipeline& last = from.last();
  last.sink = std::exchange(pipeline.sink, nullptr);
  last.sink_answer = pipeline.sink_answer;
  last.sink_redirected = pipeline.sink_redirected;
  last.caller = std::exchange(pipeline.caller, {});
  if (!last.sink && last.caller.value == 0) return;
  if (!last.retained.empty()) {
    // Even when the link that they came from is lost by now.
    auto payload = last.retained_payload;
    if (!last.sink_redirected) {
      deliverResults(last, std::exchange(last.retained, {}), payload, Age::kOld);
    }
  } else if (last.broken) {
    Ref why = last.broken;
    last.broken.reset();
    fail(last, std::move(why));
  }
}

}  // namespace vatmesh::captp
