// SPDX-License-Identifier: Apache-2.0
//
// Where messages go, and how promises settle.
#include "rpc/captp/connection.h"
#include "rpc/captp/core.h"
#include "rpc/captp/errors.h"
#include "rpc/captp/planted.h"
#include "rpc/wire/image.h"

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

}  // namespace

Ref Core::broken(const wire::Exception& why) {
  return Ref(new BrokenNode(*this, why));
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
        return route;
      }
      case NodeKind::kPath: {
        auto& path = static_cast<PathNode&>(*node);
        if (path.redirect) {
          node = path.redirect.get();
          continue;
        }
        Pipeline& pipeline = path.pipeline();
        route.path = &path;
        if (pipeline.connection) {
          route.kind = Route::Kind::kLink;
          route.connection = pipeline.connection;
          route.target = {wire::Target::Kind::kPromisedAnswer, pipeline.question.value,
                          path.path()};
        } else if (pipeline.waiting()) {
          route.kind = Route::Kind::kQueue;
        } else {
          route.why = pipeline.broken ? &whyBroken(*pipeline.broken.get()) : &noCapability();
        }
        return route;
      }
    }
  }
}

bool Core::closesCircle(const PromiseNode& node, const Node& to) {
  return follow(const_cast<Node*>(&to)) == &node;
}

void Core::settle(PromiseNode& node, Ref to) {
  node.markSettled();
  node.setTo(std::move(to));
  for (const Holder& holder : node.takeHolders()) {
    holder.connection->announce(holder.id);
    if (planted("announcement")) break;
  }
}

// What the results hold at the node's path decides (see pipeline.h).
void Core::resolvePath(PathNode& node) {
  Pipeline& pipeline = node.pipeline();
  std::optional<uint32_t> index =
      pipeline.image
          ? wire::capabilityAt(*pipeline.image, node.path())
          : wire::capabilityAt(pipeline.retained, pipeline.retained_payload, node.path());
  Ref to;
  bool is_reflected = false;
  if (index && *index < pipeline.capabilities.size()) {
    to = pipeline.capabilities[*index];
    is_reflected = pipeline.reflected[*index];
  } else {
    to = broken(noCapability());
  }
  if (is_reflected && node.used && !planted("used_path")) {
    settle(node, Ref());
    return;
  }
  if (closesCircle(node, *to.get())) {
    to = unusable(Unusable::kItself);
    is_reflected = true;
  }
  if (is_reflected) node.redirect = Pin(to.get());
  settle(node, std::move(to));
}

void Core::resolvePaths(Pipeline& pipeline) {
  // By index: announcing may add paths.
  for (size_t i = 0; i < pipeline.paths().size(); ++i) {
    if (!pipeline.paths()[i]->settled()) resolvePath(*pipeline.paths()[i]);
  }
}

void Core::resolveNewPath(PathNode& node) {
  Pipeline& pipeline = node.pipeline();
  if (pipeline.next) {
    PathNode* there = pipeline.next->pathNode(node.path());
    Ref to(there);
    if (!there) {
      to = broken(overloaded("too many paths are used"));
    } else if (closesCircle(node, *there)) {
      to = unusable(Unusable::kItself);
    }
    node.redirect = Pin(to.get());
    settle(node, std::move(to));
  } else if (pipeline.image || !pipeline.retained.empty()) {
    resolvePath(node);
  } else if (pipeline.broken) {
    node.redirect = Pin(pipeline.broken.get());
    settle(node, pipeline.broken);
  } else if (pipeline.returned) {
    // Nothing of the results is kept: the question itself serves, whatever is there.
    settle(node, pipeline.connection ? Ref() : broken(noCapability()));
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
    if (node.used) {
      settle(node, Ref());
    } else {
      resolveNewPath(node);
    }
  }
  Pipeline& last = from.last();
  last.sink = std::exchange(pipeline.sink, nullptr);
  last.sink_answer = pipeline.sink_answer;
  last.sink_redirected = pipeline.sink_redirected;
  if (!last.sink) return;
  if (!last.retained.empty()) {
    // Even when the link that they came from is lost by now.
    auto payload = last.retained_payload;
    if (!last.sink_redirected) deliverResults(last, std::exchange(last.retained, {}), payload);
  } else if (last.broken) {
    Ref why = last.broken;
    last.broken.reset();
    fail(last, std::move(why));
  }
}

}  // namespace vatmesh::captp
