// SPDX-License-Identifier: Apache-2.0
//
// What a ModelPeer sees and reads.
#include "tests/rpc/captp/model_peer.h"

namespace vatmesh::captp {

using wire::DescriptorKind;
using wire::MessageKind;

uint64_t CallOrder::nextCall(uint32_t reference) {
  return uint64_t{reference} << 32 | ++made_[reference];
}

void CallOrder::left(uint64_t call) {
  auto reference = static_cast<uint32_t>(call >> 32);
  auto number = static_cast<uint32_t>(call);
  EXPECT_GT(number, left_[reference]) << "through reference " << reference << ": overtaken";
  left_[reference] = number;
  ++seen_;
}

void Shared::note(std::string line) {
  constexpr size_t kLines = 100;
  if (journal.size() == kLines) journal.pop_front();
  journal.push_back(std::move(line));
}

std::string Shared::tail() const {
  std::string text = "the last messages, oldest first:\n";
  for (const std::string& line : journal) text += line + "\n";
  return text;
}

ModelPeer::ModelPeer(Harness& harness, Peer& peer, Shared& shared)
    : harness_(harness),
      peer_(peer),
      shared_(shared),
      name_("link " + std::to_string(peer.id().slot) + "." + std::to_string(peer.id().generation)),
      rules_(name_),
      always_finishes_(shared.below(2) == 0) {}

void ModelPeer::observe() {
  while (!peer_.quiet()) {
    wire::Envelope message = peer_.next();
    shared_.note(name_ + " <- " + wire::describe(message));
    rules_.heard(message);
    if (message.kind == MessageKind::kCall && message.interface_id != kPersistent) {
      shared_.order.left(message.interface_id);
    }
    unread_.push_back(std::move(message));
  }
  EXPECT_FALSE(peer_.closed()) << peer_.closed()->toString();
  rules_.turnEnded();
}

void ModelPeer::say(const Draft& draft) {
  wire::Envelope envelope;
  ASSERT_TRUE(wire::decode(draft.take(), {}, envelope).ok());
  observe();  // what was sent before this is judged before this
  rules_.said(envelope);
  shared_.note(name_ + " -> " + wire::describe(envelope));
  peer_.send(draft.take());
}

bool ModelPeer::read() {
  if (unread_.empty()) return false;
  wire::Envelope message = std::move(unread_.front());
  unread_.pop_front();
  switch (message.kind) {
    case MessageKind::kCall:
    case MessageKind::kBootstrap:
      readCall(message);
      break;
    case MessageKind::kReturn:
      readReturn(message);
      break;
    case MessageKind::kFinish:
      readFinish(message);
      break;
    case MessageKind::kResolve:
      readResolve(message);
      break;
    case MessageKind::kRelease:
      dropExport(message.id, message.count);
      break;
    case MessageKind::kDisembargo:
      if (message.disembargo_kind == wire::DisembargoKind::kSenderLoopback) {
        owed_echoes_.push_back(std::move(message));
      } else {
        embargoes_.erase(message.id);
      }
      break;
    default:
      break;
  }
  return true;
}

void ModelPeer::importOne(const wire::Descriptor& descriptor, std::vector<uint32_t>* record) {
  bool promise = descriptor.kind == DescriptorKind::kSenderPromise;
  if (!promise && descriptor.kind != DescriptorKind::kSenderHosted) return;
  auto [it, is_new] = imports_.try_emplace(descriptor.id);
  if (is_new) {
    it->second.promise = promise;
    it->second.reference = shared_.order.newReference();
  }
  ++it->second.refs;
  if (record) record->push_back(descriptor.id);
}

void ModelPeer::import(const wire::Envelope& message, std::vector<uint32_t>* record) {
  for (const wire::Descriptor& descriptor : message.descriptors) importOne(descriptor, record);
}

void ModelPeer::dropExport(uint32_t id, int64_t refs) {
  auto it = exports_.find(id);
  if (it == exports_.end()) return;  // LinkRules has complained
  it->second.refs -= refs;
  if (it->second.refs <= 0) exports_.erase(it);
}

void ModelPeer::readCall(const wire::Envelope& message) {
  Asked& asked = asked_[message.id];
  asked = {};
  import(message, &asked.params);
}

void ModelPeer::readReturn(const wire::Envelope& message) {
  auto it = questions_.find(message.id);
  if (it == questions_.end()) return;
  Question& question = it->second;
  question.returned = true;
  if (question.finished) {
    // Crossed by our Finish, which may have released these; if not, we do.
    std::vector<uint32_t> late;
    if (!question.releases) import(message, &late);
    questions_.erase(it);
    for (uint32_t id : late) {
      say(wire::buildRelease(harness_.frames(), id, 1));
      forgetImport(id, 1);
    }
    return;
  }
  import(message, nullptr);
  question.results = message.descriptors;
  if (!message.no_finish_needed) return;
  questions_.erase(it);
  if (always_finishes_) say(wire::buildFinish(harness_.frames(), message.id, true, true));
}

void ModelPeer::readFinish(const wire::Envelope& message) {
  auto it = asked_.find(message.id);
  if (it == asked_.end()) return;
  Asked& asked = it->second;
  if (!asked.returned) {
    asked.finished = true;
    return;
  }
  std::vector<uint32_t> released;
  if (message.release_result_caps) released = std::move(asked.results);
  asked_.erase(it);
  for (uint32_t id : released) dropExport(id, 1);
}

void ModelPeer::readResolve(const wire::Envelope& message) {
  std::vector<uint32_t> named;
  import(message, &named);
  auto it = imports_.find(message.id);
  if (it != imports_.end()) {
    it->second.resolved = true;
    bool moved =
        !message.is_exception && (message.descriptors[0].kind == DescriptorKind::kReceiverHosted ||
                                  message.descriptors[0].kind == DescriptorKind::kReceiverAnswer);
    // Go's way: an embargo even when no call was made.
    if (moved && below(2) == 0) {
      uint32_t embargo = newQuestion();
      embargoes_[embargo] = true;
      say(wire::buildDisembargo(harness_.frames(), wire::DisembargoKind::kSenderLoopback, embargo,
                                importedCap(message.id)));
    }
    return;
  }
  for (uint32_t id : named) {  // released meanwhile
    say(wire::buildRelease(harness_.frames(), id, 1));
    forgetImport(id, 1);
  }
}

}  // namespace vatmesh::captp
