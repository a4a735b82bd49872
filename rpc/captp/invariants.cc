// SPDX-License-Identifier: Apache-2.0
#include "rpc/captp/invariants.h"

namespace vatmesh::captp {
namespace {

using Broken = std::optional<std::string>;

std::string at(const char* rule, const char* what, uint32_t id) {
  return std::string(rule) + ": " + what + " " + std::to_string(id);
}

Broken checkExports(Connection& link) {
  Broken broken;
  link.exports.forEach([&](ExportId id, Export& entry) {
    if (entry.wire_refs == 0) broken = at("I1", "no references to export", id.value);
    if (!entry.ref || !entry.cell || !entry.cell->node())
      broken = at("I1", "nothing behind export", id.value);
    if (entry.promise && !isPromise(*entry.ref.get())) {
      broken = at("I1", "settled but not announced: export", id.value);
    }
  });
  for (const auto& [node, id] : link.canonical) {
    Export* entry = link.exports.find(id);
    if (!entry || entry->ref.get() != node) broken = at("I3", "canonical names export", id.value);
  }
  return broken;
}

Broken checkImports(Connection& link) {
  Broken broken;
  link.imports.forEach([&](ImportId id, Connection::ImportEntry& entry) {
    if (!entry.node || entry.node->connection() != &link || entry.node->id() != id) {
      broken = at("I4", "wrong node at import", id.value);
    } else if (entry.node->wire_refs == 0 || entry.node->handles() == 0) {
      broken = at("I4", "unused import", id.value);
    }
  });
  return broken;
}

Broken checkQuestions(Connection& link) {
  Broken broken;
  uint32_t waiting = 0;
  uint32_t canceled = 0;
  link.questions.forEach([&](QuestionId id, Question& question) {
    const Pipeline* pipeline = question.pipeline;
    canceled += !pipeline;
    waiting += pipeline && !question.returned;
    if (!pipeline) {
      if (question.returned) broken = at("I5", "returned but not gone: question", id.value);
      return;
    }
    if (pipeline->connection != &link || pipeline->question != id) {
      broken = at("I5", "the pipeline does not name question", id.value);
    }
    if (pipeline->handles() == 0) broken = at("I5", "nobody uses question", id.value);
    if (!pipeline->queue.empty()) broken = at("I6", "calls queue behind question", id.value);
  });
  if (link.owed_returns != waiting || link.canceled != canceled) {
    broken = at("I5", "waiting or canceled questions are counted wrongly on link", link.id().slot);
  }
  return broken;
}

Broken checkAnswers(Connection& link) {
  Broken broken;
  link.answers.forEach([&](AnswerId id, Answer& answer) {
    if (!answer.pipeline) {
      broken = at("I6", "no pipeline for answer", id.value);
      return;
    }
    Pipeline& last = answer.pipeline->last();
    if (!answer.returned && (last.sink != &link || last.sink_answer != id)) {
      broken = at("I6", "nothing will return to answer", id.value);
    }
    if (last.callee && last.op.value == 0) {
      broken = at("I6", "an object keeps running for answer", id.value);
    }
    if (answer.pipeline->answers == 0)
      broken = at("I6", "not counted by its pipeline: answer", id.value);
  });
  return broken;
}

// As many as are charged.
Broken checkRecords(Connection& link) {
  uint64_t recorded = 0;
  link.questions.forEach([&](QuestionId, Question& q) { recorded += q.param_exports.size(); });
  link.answers.forEach([&](AnswerId, Answer& a) { recorded += a.result_exports.size(); });
  if (recorded == link.recorded_exports) return {};
  return at("I2", "recorded exports are counted wrongly on link", link.id().slot);
}

Broken checkEmbargoes(Connection& link) {
  Broken broken;
  link.embargoes.forEach([&](EmbargoId id, SentDisembargo& sent) {
    if (!sent.along) return;  // rejected: only the id is kept
    Node& old_path = *sent.along.get();
    Connection* there = old_path.kind() == NodeKind::kImport
                            ? static_cast<ImportNode&>(old_path).connection()
                            : static_cast<PathNode&>(old_path).pipeline().connection;
    if (there != &link) broken = at("I7", "the old path is gone of embargo", id.value);
    if (!sent.bounce || !sent.bounce.node()) broken = at("I8", "no place behind embargo", id.value);
  });
  return broken;
}

// I9: following from `node` ends.
bool ends(Node* node) {
  Node* slow = node;
  auto step = [](Node* from) -> Node* {
    if (from->kind() == NodeKind::kGate) return static_cast<GateNode*>(from)->held();
    PromiseNode* promise = asPromise(*from);
    return promise ? promise->to().get() : nullptr;
  };
  for (Node* fast = node; fast;) {
    fast = step(fast);
    if (!fast) return true;
    fast = step(fast);
    slow = step(slow);
    if (fast == slow) return fast == nullptr;
  }
  return true;
}

Broken checkLocals(const Locals& locals) {
  Broken broken;
  locals.forEachObject([&](ObjectId id, Node& node) {
    auto number = static_cast<uint32_t>(id.value);
    if (!ends(&node)) broken = at("I9", "a circle behind object", number);
    if (node.uses() == 0) broken = at("L1", "unused object", number);
  });
  locals.forEachCall([&](CallId id, const Locals::Call& call) {
    auto number = static_cast<uint32_t>(id.value);
    Pipeline& pipeline = *call.pipeline;
    const Pipeline& last = pipeline.last();
    bool ended = last.returned || last.broken;
    if (!ended && last.caller != id) broken = at("L2", "nothing will return to call", number);
    if (pipeline.answers == 0) broken = at("L2", "not counted by its pipeline: call", number);
    if (last.sink && last.caller == id) broken = at("L2", "two wait for call", number);
    const bool saves = call.saved_at && last.caller == id;
    if (saves != static_cast<bool>(call.saved)) broken = at("L3", "wrongly held by save", number);
  });
  return broken;
}

Budget::Bytes& operator+=(Budget::Bytes& sum, const Budget::Bytes& more) {
  for (size_t i = 0; i < kLoads; ++i) sum[i] += more[i];
  return sum;
}

// I10: each link is charged with what is sent because of it and with its entries; nothing is
// charged twice or for ever.
Broken checkBudget(Core& core) {
  Broken broken;
  std::vector<std::pair<LinkId, uint64_t>> sent;
  core.forEachLink([&](Connection& link) {
    link.outbox.forEach([&](LinkId asker, uint64_t bytes) { sent.emplace_back(asker, bytes); });
  });
  uint64_t sent_by_nobody = 0;
  for (const auto& [asker, bytes] : sent) sent_by_nobody += core.find(asker) ? 0 : bytes;
  Budget::Bytes sum = core.budget.of(LinkId());
  if (sum[static_cast<size_t>(Load::kSent)] != sent_by_nobody) {
    broken = "I10: what was sent for links that are lost is charged wrongly";
  }
  core.forEachLink([&](Connection& link) {
    uint64_t sent_for_link = 0;
    for (const auto& [asker, bytes] : sent) sent_for_link += asker == link.id() ? bytes : 0;
    const Budget::Bytes& charged = core.budget.of(link.id());
    if (charged[static_cast<size_t>(Load::kSent)] != sent_for_link) {
      broken = at("I10", "what was sent is charged wrongly to link", link.id().slot);
    }
    if (charged[static_cast<size_t>(Load::kEntries)] != Flow::entryBytes(link)) {
      broken = at("I10", "entries are charged wrongly to link", link.id().slot);
    }
    sum += charged;
  });
  uint64_t total = 0;
  for (size_t i = 0; i < kLoads; ++i) {
    if (sum[i] != core.budget.of(static_cast<Load>(i))) broken = "I10: the sum of a load is wrong";
    total += sum[i];
  }
  if (total != core.budget.total()) broken = "I10: the sum of all charges is wrong";
  return broken;
}

}  // namespace

std::optional<std::string> checkInvariants(Core& core) {
  Broken broken;
  bool all_empty = core.locals.openCalls() == 0;
  core.forEachLink([&](Connection& link) {
    for (auto check :
         {checkExports, checkImports, checkQuestions, checkAnswers, checkRecords, checkEmbargoes}) {
      if (!broken) broken = check(link);
    }
    link.exports.forEach([&](ExportId id, Export& entry) {
      if (!broken && !ends(entry.ref.get())) broken = at("I9", "a circle behind export", id.value);
    });
    all_empty &= link.tablesEmpty();
  });
  if (!broken) broken = checkLocals(core.locals);
  if (!broken) broken = checkBudget(core);
  // Calls that were finished but must be delivered may wait behind a restore.
  const uint64_t kept = core.budget.of(Load::kWaiting) + core.budget.of(Load::kResults);
  if (!broken && all_empty && core.allLost() && !core.operationsPending() && kept != 0) {
    broken = "I10: " + std::to_string(kept) + " bytes charged to empty tables";
  }
  return broken;
}

}  // namespace vatmesh::captp
