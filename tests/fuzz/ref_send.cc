// SPDX-License-Identifier: Apache-2.0
//
// What a RefVat sends.
#include <algorithm>
#include <utility>

#include "rpc/wire/build.h"
#include "tests/fuzz/ref_vat.h"

namespace vatmesh::fuzz {

void RefVat::write(const wire::FrameRef& frame) {
  Frame bytes;
  for (auto piece : frame->pieces()) bytes.insert(bytes.end(), piece.begin(), piece.end());
  out_.push_back(std::move(bytes));
}

wire::OutTarget RefVat::targetOf(const Remote& remote) const {
  if (remote.kind == NodeKind::kImport) {
    return {wire::Target::Kind::kImportedCap, static_cast<const Import&>(remote).id, {}};
  }
  auto& path = static_cast<const Path&>(remote);
  return {wire::Target::Kind::kPromisedAnswer, path.question->id, slotPath(path.slot)};
}

std::shared_ptr<Struct> RefVat::call(const Cap& target, CallContent content,
                                     std::vector<Cap> arguments) {
  auto result = std::make_shared<Struct>();
  result->watched = content.call;
  sendAlong(follow(target), {std::move(content), std::move(arguments), result});
  return result;
}

void RefVat::tailCall(const std::shared_ptr<Struct>& result, const Cap& target, CallContent content,
                      std::vector<Cap> arguments) {
  sendAlong(follow(target), {std::move(content), std::move(arguments), result});
}

std::shared_ptr<Question> RefVat::newQuestion(const std::shared_ptr<Struct>& sink) {
  uint32_t id = 0;
  while (link_->questions.contains(id)) ++id;
  auto question = std::make_shared<Question>(link_, id);
  question->sink = sink;
  link_->questions[id].question = question;
  return question;
}

std::shared_ptr<Struct> RefVat::bootstrap(uint32_t call) {
  auto result = std::make_shared<Struct>();
  result->watched = call;
  auto question = newQuestion(result);
  write(wire::buildBootstrap(frames_, question->id, "b" + std::to_string(call)));
  asked(result, question);
  return result;
}

void RefVat::sendAlong(const Cap& pin, Call call) {
  Cap at = pin;
  while (at->kind == NodeKind::kPromise && static_cast<Promise&>(*at).to) {
    at = static_cast<Promise&>(*at).to;
  }
  switch (at->kind) {
    case NodeKind::kObject:
      return deliver(static_cast<Object&>(*at), call);
    case NodeKind::kBroken:
      return breakResult(*call.result, at);
    case NodeKind::kPromise:
      static_cast<Promise&>(*at).queue.push_back(std::move(call));
      return;
    case NodeKind::kImport:
    case NodeKind::kPath: {
      auto remote = std::static_pointer_cast<Remote>(at);
      if (!remote->link->alive) return breakResult(*call.result, remote->link->lost);
      return sendCall(remote, call);
    }
  }
}

void RefVat::sendCall(const std::shared_ptr<Remote>& target, Call& call) {
  auto question = newQuestion(call.result);
  CallContent content = call.content;
  Descriptors table;
  // Now and then the same capability twice, or one that nothing points to.
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    if (random_->chance(10)) table.push_back(describe(call.arguments[i], nullptr));
    content.indices[i] = call.arguments[i] ? static_cast<int64_t>(table.size()) : -1;
    if (call.arguments[i]) table.push_back(describe(call.arguments[i], nullptr));
  }
  wire::OutCall fields;
  fields.question_id = question->id;
  fields.target = targetOf(*target);
  fields.interface_id = 0xfedcba9876543210;
  fields.method_id = static_cast<uint16_t>(content.call);
  // Where the results go back to whom we called, they need not come here.
  Struct& result = *call.result;
  bool tail = habits_.tail_calls && result.answer_link == link_ && result.watched == 0 &&
              result.followers.empty();
  if (tail) fields.send_results_to = wire::SendResultsTo::kYourself;
  target->used = true;
  out_.push_back(writeCall(*random_, fields, content, table));
  resolveBroken();
  if (tail) {
    question->tail = true;
    result.answer_link.reset();
    link_->answers.at(result.answer).returned = true;
    write(wire::buildReturnTakeFrom(frames_, result.answer, question->id));
  }
  asked(call.result, question);
}

wire::OutDescriptor RefVat::describe(const Cap& cap, std::vector<uint32_t>* record) {
  if (!cap) return {};
  Cap now = follow(cap);
  if (now->kind == NodeKind::kImport) {
    return {wire::DescriptorKind::kReceiverHosted, static_cast<Import&>(*now).id, {}};
  }
  if (now->kind == NodeKind::kPath) {
    auto& path = static_cast<Path&>(*now);
    return {wire::DescriptorKind::kReceiverAnswer, path.question->id, slotPath(path.slot)};
  }
  bool settled = now->kind == NodeKind::kObject;
  uint32_t id = 0;
  auto it = link_->canonical.find(now.get());
  if (it != link_->canonical.end()) {
    id = it->second;
  } else {
    while (link_->exports.contains(id)) ++id;
    link_->exports[id].node = now;
    if (now->kind == NodeKind::kBroken) {
      link_->broken_exports.push_back(id);
    } else {
      link_->canonical[now.get()] = id;
    }
    if (now->kind == NodeKind::kPromise) {
      static_cast<Promise&>(*now).holders.emplace_back(link_, id);
    }
  }
  Export& entry = link_->exports[id];
  ++entry.count;
  if (record) record->push_back(id);
  if (entry.promised > 0 && habits_.promises_hosted) settled = true;
  if (!settled) ++entry.promised;
  return {
      settled ? wire::DescriptorKind::kSenderHosted : wire::DescriptorKind::kSenderPromise, id, {}};
}

void RefVat::resolveBroken() {
  for (uint32_t id : std::exchange(link_->broken_exports, {})) {
    announce(id, link_->exports[id].node);
  }
}

void RefVat::announce(uint32_t id, const Cap& now) {
  Export& entry = link_->exports.at(id);
  if (now->kind == NodeKind::kPromise && !habits_.tells_promises) {
    // Still open: it is told when that one is known.
    static_cast<Promise&>(*now).holders.emplace_back(link_, id);
    return;
  }
  auto it = link_->canonical.find(entry.node.get());
  if (it != link_->canonical.end() && it->second == id) link_->canonical.erase(it);
  entry.announced = true;
  for (uint32_t i = habits_.resolves_again ? entry.promised : 1; i > 0; --i) {
    if (now->kind == NodeKind::kBroken) {
      write(wire::buildResolveException(frames_, id, 0, static_cast<Broken&>(*now).reason));
      continue;
    }
    wire::OutDescriptor descriptor = describe(now, nullptr);
    entry.at_peer = descriptor.kind == wire::DescriptorKind::kReceiverHosted ||
                    descriptor.kind == wire::DescriptorKind::kReceiverAnswer;
    write(wire::buildResolve(frames_, id, descriptor));
  }
  for (uint32_t embargo : std::exchange(entry.held_disembargoes, {})) echo(embargo, entry.node);
}

void RefVat::forgetExport(uint32_t id, uint32_t count) {
  auto it = link_->exports.find(id);
  if (it == link_->exports.end() || it->second.count < count) {
    return fail("export " + std::to_string(id) + " is released too often");
  }
  it->second.count -= count;
  if (it->second.count > 0) return;
  Cap node = it->second.node;
  auto canonical = link_->canonical.find(node.get());
  if (canonical != link_->canonical.end() && canonical->second == id) {
    link_->canonical.erase(canonical);
  }
  Cap end = node;
  while (end->kind == NodeKind::kPromise && static_cast<Promise&>(*end).to) {
    end = static_cast<Promise&>(*end).to;
  }
  if (end->kind == NodeKind::kPromise) {
    std::erase_if(static_cast<Promise&>(*end).holders,
                  [&](const auto& holder) { return holder.first == link_ && holder.second == id; });
  }
  link_->exports.erase(it);
}

// True when every capability of the parameters is one that we are about to release anyway; then
// the Return does it.
bool RefVat::takeParamReleases(Answer& answer) {
  if (!habits_.releases_params || answer.params.empty()) return false;
  auto releases = link_->releases;
  for (uint32_t id : answer.params) {
    auto it = std::ranges::find_if(
        releases, [&](const auto& release) { return release.first == id && release.second > 0; });
    if (it == releases.end()) return false;
    --it->second;
  }
  std::erase_if(releases, [](const auto& release) { return release.second == 0; });
  link_->releases = std::move(releases);
  return true;
}

void RefVat::sendReturn(Struct& result) {
  auto link = std::exchange(result.answer_link, nullptr);
  if (!link || !link->alive) return;
  Answer& answer = link->answers.at(result.answer);
  answer.returned = true;
  if (result.state == Struct::State::kBroken) {
    for (Cap& pin : answer.pins) pin = result.why;
    write(wire::buildReturnException(frames_, result.answer, 0,
                                     static_cast<Broken&>(*result.why).reason));
    return;
  }
  ResultContent content;
  content.call = result.results.call;
  Descriptors table;
  bool any = false;
  size_t first = random_->below(kSlots);
  for (size_t i = 0; i < kSlots; ++i) {
    size_t slot = (first + i) % kSlots;
    Cap told = result.results.slots[slot];
    if (!told) {
      answer.pins[slot] = broken("no capability there");
      continue;
    }
    // Another slot may share the entry of the table.
    for (size_t other = 0; other < kSlots && random_->chance(50); ++other) {
      if (result.results.slots[other] == told && content.indices[other] >= 0) {
        content.indices[slot] = content.indices[other];
      }
    }
    if (content.indices[slot] < 0) {
      content.indices[slot] = static_cast<int64_t>(table.size());
      table.push_back(describe(told, &answer.exports));
    }
    any = true;
    bool at_peer = told->kind == NodeKind::kImport || told->kind == NodeKind::kPath;
    // Told as ours, the path becomes just that; told as the peer's own, it stays what it was.
    if (!at_peer || !answer.pins[slot]) answer.pins[slot] = told;
  }
  bool release_params = takeParamReleases(answer);
  wire::OutReturn fields{result.answer, !any && habits_.says_no_finish};
  out_.push_back(writeResults(*random_, fields, release_params, content, table));
  resolveBroken();
  if (fields.no_finish_needed) {
    link->closed_answers[result.answer] = true;
    auto kept = std::move(answer);
    link->answers.erase(result.answer);
  }
}

}  // namespace vatmesh::fuzz
