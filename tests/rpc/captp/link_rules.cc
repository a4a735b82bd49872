// SPDX-License-Identifier: Apache-2.0
#include "tests/rpc/captp/link_rules.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "rpc/wire/printer.h"

namespace vatmesh::captp {

using wire::DescriptorKind;
using wire::MessageKind;
using wire::ReturnKind;

namespace {

bool isHosted(const wire::Descriptor& descriptor) {
  return descriptor.kind == DescriptorKind::kSenderHosted ||
         descriptor.kind == DescriptorKind::kSenderPromise;
}

bool isReceivers(const wire::Descriptor& descriptor) {
  return descriptor.kind == DescriptorKind::kReceiverHosted ||
         descriptor.kind == DescriptorKind::kReceiverAnswer;
}

bool holdsAny(const wire::Envelope& message) {
  return std::ranges::any_of(message.descriptors, [](const wire::Descriptor& descriptor) {
    return descriptor.kind != DescriptorKind::kNone;
  });
}

}  // namespace

void LinkRules::fail(const wire::Envelope& message, const std::string& why) const {
  ADD_FAILURE() << name_ << " was sent \"" << wire::describe(message) << "\": " << why;
}

// === What the peer says

void LinkRules::count(const std::vector<wire::Descriptor>& descriptors) {
  for (const wire::Descriptor& descriptor : descriptors) {
    if (isHosted(descriptor)) ++peer_exports_[descriptor.id].refs;
  }
}

void LinkRules::drop(uint32_t vat_export, int64_t refs) {
  VatExport& entry = vat_exports_[vat_export];
  entry.refs -= refs;
  EXPECT_GE(entry.refs, 0) << name_ << " is no legal peer: it released too much";
  if (entry.refs <= 0) vat_exports_.erase(vat_export);
}

void LinkRules::said(const wire::Envelope& message) {
  switch (message.kind) {
    case MessageKind::kCall:
    case MessageKind::kBootstrap: {
      EXPECT_FALSE(asked_by_peer_.contains(message.id)) << name_ << " is no legal peer";
      PeerQuestion& question = asked_by_peer_[message.id];
      question.wants_return = !message.only_promise_pipeline;
      question.redirected = message.send_results_to == wire::SendResultsTo::kYourself;
      return count(message.descriptors);
    }
    case MessageKind::kReturn:
      return saidReturn(message);
    case MessageKind::kFinish:
      return saidFinish(message);
    case MessageKind::kResolve:
      return saidResolve(message);
    case MessageKind::kRelease:
      return drop(message.id, message.count);
    case MessageKind::kDisembargo:
      return saidDisembargo(message);
    default:
      FAIL() << name_ << " is no legal peer";
  }
}

void LinkRules::saidReturn(const wire::Envelope& message) {
  auto it = asked_by_vat_.find(message.id);
  ASSERT_NE(it, asked_by_vat_.end()) << name_ << " is no legal peer";
  VatQuestion& question = it->second;
  // A Finish that came first has released the results already.
  if (!question.finished) count(message.descriptors);
  if (message.release_param_caps) {
    for (uint32_t id : question.param_exports) drop(id, 1);
  }
  if (message.return_kind == ReturnKind::kTakeFromOtherQuestion) {
    auto other = asked_by_peer_.find(message.take_from);
    if (other != asked_by_peer_.end()) other->second.taken = true;
    question.taken = true;
  }
  for (const wire::Descriptor& result : message.descriptors) {
    question.results.push_back(fateOf(result));
  }
  question.returned = true;
  bool forgotten = message.no_finish_needed && message.descriptors.empty();
  if (question.finished || forgotten) asked_by_vat_.erase(it);
}

void LinkRules::saidFinish(const wire::Envelope& message) {
  auto it = asked_by_peer_.find(message.id);
  if (it == asked_by_peer_.end()) return;  // behind a Return that needed none
  PeerQuestion& question = it->second;
  if (message.release_result_caps) {
    for (uint32_t id : question.result_exports) drop(id, 1);
  }
  if (question.returned || !question.wants_return) {
    asked_by_peer_.erase(it);
  } else {
    question.canceled = true;
  }
}

void LinkRules::saidResolve(const wire::Envelope& message) {
  count(message.descriptors);
  auto it = peer_exports_.find(message.id);
  if (it == peer_exports_.end()) return;  // released meanwhile
  if (message.descriptors.empty()) return;
  it->second.fate->next = fateOf(message.descriptors[0]);
}

std::shared_ptr<LinkRules::Fate> LinkRules::fateOf(const wire::Descriptor& descriptor) {
  if (isReceivers(descriptor)) return std::make_shared<Fate>(Fate{true, nullptr});
  auto it = isHosted(descriptor) ? peer_exports_.find(descriptor.id) : peer_exports_.end();
  return it == peer_exports_.end() ? nullptr : it->second.fate;
}

bool LinkRules::isMoved(const std::shared_ptr<Fate>& fate) {
  const Fate* last = fate.get();
  while (last && last->next) last = last->next.get();
  return last && last->moved;
}

void LinkRules::saidDisembargo(const wire::Envelope& message) {
  if (message.disembargo_kind == wire::DisembargoKind::kSenderLoopback) {
    embargoes_.insert(message.id);
  } else {
    EXPECT_EQ(embargoes_of_vat_.erase(message.id), 1u) << name_ << " is no legal peer";
  }
}

// === What the vat says

void LinkRules::heard(const wire::Envelope& message) {
  switch (message.kind) {
    case MessageKind::kBootstrap:
    case MessageKind::kCall:
      return heardCall(message);
    case MessageKind::kReturn:
      return heardReturn(message);
    case MessageKind::kFinish:
      return heardFinish(message);
    case MessageKind::kResolve:
      return heardResolve(message);
    case MessageKind::kRelease:
      return heardRelease(message);
    case MessageKind::kDisembargo:
      return heardDisembargo(message);
    default:
      fail(message, "the peer has done nothing wrong");
  }
}

bool LinkRules::mayName(uint32_t question) const {
  auto it = asked_by_vat_.find(question);
  return it != asked_by_vat_.end() && !it->second.finished;
}

void LinkRules::heardDescriptors(const wire::Envelope& message, std::vector<uint32_t>* record) {
  for (const wire::Descriptor& descriptor : message.descriptors) {
    if (descriptor.kind == DescriptorKind::kReceiverHosted) {
      if (!peer_exports_.contains(descriptor.id)) fail(message, "no such export of the peer");
    } else if (descriptor.kind == DescriptorKind::kReceiverAnswer) {
      if (!mayName(descriptor.id)) fail(message, "no such open question");
    } else if (isHosted(descriptor)) {
      bool promise = descriptor.kind == DescriptorKind::kSenderPromise;
      auto [it, is_new] = vat_exports_.try_emplace(descriptor.id);
      if (is_new) it->second.promise = promise;
      if (it->second.resolved) fail(message, "a descriptor for an entry that was resolved");
      if (it->second.promise != promise) fail(message, "a promise and no promise at once");
      ++it->second.refs;
      if (record) record->push_back(descriptor.id);
    }
  }
}

void LinkRules::heardCall(const wire::Envelope& message) {
  if (message.id >= 1u << 30) fail(message, "an id of the reserved ranges");
  if (message.kind == MessageKind::kCall) {
    if (message.send_results_to != wire::SendResultsTo::kCaller || message.only_promise_pipeline) {
      fail(message, "not every peer knows that");
    }
    bool answer = message.target.kind == wire::Target::Kind::kPromisedAnswer;
    if (answer && !mayName(message.target.id)) fail(message, "on a question that is not open");
    if (!answer && !peer_exports_.contains(message.target.id)) {
      fail(message, "on an export that the vat does not hold");
    }
  }
  auto [it, is_new] = asked_by_vat_.try_emplace(message.id);
  if (!is_new) fail(message, "the id is in use");
  heardDescriptors(message, &it->second.param_exports);
}

void LinkRules::heardReturn(const wire::Envelope& message) {
  auto it = asked_by_peer_.find(message.id);
  if (it == asked_by_peer_.end()) return fail(message, "nothing was asked");
  PeerQuestion& question = it->second;
  if (question.returned) fail(message, "a second Return");
  if (!question.wants_return) fail(message, "nobody wants a Return");
  if (message.release_param_caps) fail(message, "not every peer knows that");
  question.returned = true;
  bool canceled = message.return_kind == ReturnKind::kCanceled;
  bool elsewhere = message.return_kind == ReturnKind::kResultsSentElsewhere;
  if (canceled != question.canceled) fail(message, "canceled, or not");
  if (!canceled && elsewhere != (question.redirected && question.taken)) {
    fail(message, "redirected, or not");
  }
  if (!canceled && !elsewhere && message.return_kind != ReturnKind::kResults &&
      message.return_kind != ReturnKind::kException) {
    fail(message, "a kind that nobody asked for");
  }
  heardDescriptors(message, &question.result_exports);
  bool results = message.return_kind == ReturnKind::kResults;
  if (message.no_finish_needed != (results && !holdsAny(message))) fail(message, "the hint");
  if (question.canceled || message.no_finish_needed) asked_by_peer_.erase(it);
}

void LinkRules::heardFinish(const wire::Envelope& message) {
  auto it = asked_by_vat_.find(message.id);
  if (it == asked_by_vat_.end()) return fail(message, "no such question");
  VatQuestion& question = it->second;
  if (question.finished) fail(message, "a second Finish");
  if (message.release_result_caps == question.returned) {
    fail(message, "results are released by the Finish that comes before the Return, only");
  }
  question.finished = true;
  if (question.returned) asked_by_vat_.erase(it);
}

void LinkRules::heardResolve(const wire::Envelope& message) {
  auto it = vat_exports_.find(message.id);
  if (it == vat_exports_.end()) return fail(message, "no such promise");
  if (!it->second.promise) fail(message, "it was never a promise");
  if (it->second.resolved) fail(message, "it was resolved before");
  it->second.resolved = true;
  if (message.is_exception) return;
  if (!holdsAny(message)) fail(message, "resolved to nothing");
  heardDescriptors(message, nullptr);
}

void LinkRules::heardRelease(const wire::Envelope& message) {
  auto it = peer_exports_.find(message.id);
  if (it == peer_exports_.end()) return fail(message, "the vat holds no such thing");
  if (message.count == 0) fail(message, "it releases nothing");
  it->second.refs -= message.count;
  if (it->second.refs < 0) fail(message, "more than it was given");
  if (it->second.refs <= 0) peer_exports_.erase(it);
}

// The vat flushes only what the peer gave back to it (R-D1, R-D2), along a way that is still open.
// The fields of results stand in the order of their capabilities.
void LinkRules::heardDisembargo(const wire::Envelope& message) {
  if (message.disembargo_kind == wire::DisembargoKind::kReceiverLoopback) {
    if (embargoes_.erase(message.id) == 0) fail(message, "the peer has not asked for it");
    return;
  }
  if (!embargoes_of_vat_.insert(message.id).second) fail(message, "the id is in use");
  if (message.target.kind == wire::Target::Kind::kImportedCap) {
    auto it = peer_exports_.find(message.target.id);
    if (it == peer_exports_.end()) return fail(message, "the vat holds no such thing");
    if (!isMoved(it->second.fate)) fail(message, "it did not become the vat's");
    return;
  }
  if (!mayName(message.target.id)) return fail(message, "on a question that is not open");
  const VatQuestion& question = asked_by_vat_.at(message.target.id);
  auto path = message.path(message.target.path);
  if (question.taken) return;
  bool one = path.size() == 1 && path[0] < question.results.size();
  if (!one || !isMoved(question.results[path[0]])) {
    fail(message, "what stands there is not the vat's");
  }
}

void LinkRules::turnEnded() {
  for (const auto& [id, question] : asked_by_peer_) {
    EXPECT_FALSE(question.canceled) << name_ << " waits for the Return of its canceled " << id;
    EXPECT_FALSE(question.taken && !question.returned)
        << name_ << " waits for the Return of " << id << ", whose results it took";
  }
}

std::string LinkRules::leftOver() const {
  std::string left;
  for (const auto& entry : asked_by_vat_) left += " asked " + std::to_string(entry.first);
  for (const auto& entry : asked_by_peer_) left += " answer " + std::to_string(entry.first);
  for (const auto& entry : vat_exports_) left += " export " + std::to_string(entry.first);
  for (const auto& entry : peer_exports_) left += " import " + std::to_string(entry.first);
  for (uint32_t id : embargoes_) left += " embargo " + std::to_string(id);
  for (uint32_t id : embargoes_of_vat_) left += " echo " + std::to_string(id);
  return left.empty() ? left : name_ + ":" + left;
}

}  // namespace vatmesh::captp
