// SPDX-License-Identifier: Apache-2.0
#include "rpc/captp/dump.h"

#include <string_view>

namespace vatmesh::captp {
namespace {

std::string nameOf(Connection& link) {
  return "link " + std::to_string(link.id().slot);
}

std::string nameOf(Node& node) {
  switch (node.kind()) {
    case NodeKind::kNull:
      return "null";
    case NodeKind::kBroken:
      return "broken (" + whyBroken(node).reason + ")";
    case NodeKind::kImport: {
      auto& import = static_cast<ImportNode&>(node);
      if (!import.connection()) return "lost import";
      return nameOf(*import.connection()) + " import " + std::to_string(import.id().value);
    }
    case NodeKind::kPath: {
      auto& path = static_cast<PathNode&>(node);
      std::string text = path.pipeline().connection
                             ? nameOf(*path.pipeline().connection) + " question " +
                                   std::to_string(path.pipeline().question.value)
                             : "a pipeline without a question";
      for (uint16_t step : path.path()) text += "." + std::to_string(step);
      return text + (path.used ? " (used)" : "");
    }
    case NodeKind::kEmbargo: {
      auto& embargo = static_cast<EmbargoNode&>(node);
      if (embargo.settled()) return "what was embargoed: " + nameOf(*embargo.to().get());
      return "embargo, " + std::to_string(embargo.queue.calls) + " calls wait";
    }
    case NodeKind::kLocal:
      return "object " + std::to_string(static_cast<LocalNode&>(node).id().value);
    case NodeKind::kGate: {
      auto& gate = static_cast<GateNode&>(node);
      return "gate " + std::to_string(gate.id().value) + (gate.isCut() ? " (cut)" : "");
    }
  }
  return "?";
}

std::string_view nameOf(Cell::Told told) {
  switch (told) {
    case Cell::Told::kObject:
      return "settled";
    case Cell::Told::kPromise:
      return "promise";
    case Cell::Told::kOurs:
      return "moved";
    case Cell::Told::kTheirs:
      return "moved to the peer";
  }
  return "?";
}

void dumpLink(Connection& link, std::string& out) {
  out += nameOf(link) + (link.gateway ? ", a gateway\n" : "\n");
  auto line = [&](const char* table, uint32_t id, const std::string& text) {
    out += "  " + std::string(table) + " " + std::to_string(id) + " -> " + text + "\n";
  };
  link.questions.forEach([&](QuestionId id, Question& question) {
    line("question", id.value,
         !question.pipeline ? "canceled" : (question.returned ? "lingering" : "waiting"));
  });
  link.answers.forEach([&](AnswerId id, Answer& answer) {
    std::string text = answer.returned ? "returned" : "running";
    if (answer.redirected) text += answer.taken ? ", taken" : ", redirected";
    if (Connection* asked = answer.pipeline->connection) {
      text +=
          ", " + nameOf(*asked) + " question " + std::to_string(answer.pipeline->question.value);
    } else if (Node* object = answer.pipeline->callee.get()) {
      text += ", called " + nameOf(*object);
    }
    line("answer", id.value, text);
  });
  link.exports.forEach([&](ExportId id, Export& entry) {
    line("export", id.value,
         nameOf(*entry.cell->node()) + ", " + std::string(nameOf(entry.cell->told())) + ", refs " +
             std::to_string(entry.wire_refs));
  });
  link.imports.forEach([&](ImportId id, Connection::ImportEntry& entry) {
    line("import", id.value,
         std::string(entry.node->settled() ? "settled" : "promise") + ", refs " +
             std::to_string(entry.node->wire_refs));
  });
  link.embargoes.forEach([&](EmbargoId id, SentDisembargo& sent) {
    line("embargo", id.value, sent.along ? nameOf(*sent.along.get()) : "rejected");
  });
}

}  // namespace

std::string dump(Core& core) {
  std::string out;
  core.forEachLink([&](Connection& link) { dumpLink(link, out); });
  core.locals.forEachObject([&](ObjectId, Node& node) {
    out += nameOf(node);
    if (node.kind() == NodeKind::kGate) {
      out += " -> " + nameOf(*static_cast<GateNode&>(node).held());
    }
    out += ", handles " + std::to_string(node.uses()) + "\n";
  });
  core.locals.forEachCall([&](CallId id, const Locals::Call& call) {
    out += "call " + std::to_string(id.value) + " of this vat";
    if (call.saved) out += ", saves " + nameOf(*call.saved.get());
    out += "\n";
  });
  return out;
}

}  // namespace vatmesh::captp
