// SPDX-License-Identifier: Apache-2.0
//
// What a RefVat does with what it receives.
#include <utility>

#include "rpc/wire/build.h"
#include "tests/fuzz/ref_vat.h"

namespace vatmesh::fuzz {

void RefVat::receive(wire::InMessage&& message) {
  wire::Envelope envelope;
  Status status = wire::decode(message, {}, envelope);
  if (!status.ok()) return fail("a message that can't be read: " + status.message());
  switch (envelope.kind) {
    case wire::MessageKind::kBootstrap:
      return onBootstrap(envelope);
    case wire::MessageKind::kCall:
      return onCall(message, envelope);
    case wire::MessageKind::kReturn:
      return onReturn(message, envelope);
    case wire::MessageKind::kFinish:
      return onFinish(envelope);
    case wire::MessageKind::kResolve:
      return onResolve(envelope);
    case wire::MessageKind::kRelease:
      return onRelease(envelope);
    case wire::MessageKind::kDisembargo:
      return onDisembargo(envelope);
    case wire::MessageKind::kAbort:
      return fail("got Abort: " + envelope.exception.reason);
    default:
      return fail("got a message of a kind that nobody asked for");
  }
}

RefVat::Imported RefVat::read(const wire::Descriptor& descriptor, const wire::Envelope& envelope) {
  switch (descriptor.kind) {
    case wire::DescriptorKind::kNone:
      return {};
    case wire::DescriptorKind::kSenderHosted:
    case wire::DescriptorKind::kSenderPromise: {
      bool promise = descriptor.kind == wire::DescriptorKind::kSenderPromise;
      auto import = link_->imports[descriptor.id].lock();
      if (!import) {
        import = std::make_shared<Import>(link_, descriptor.id, promise);
        link_->imports[descriptor.id] = import;
        remotes_.push_back(import);
      } else if (import->how != Remote::How::kOpen) {
        fail("a descriptor names import " + std::to_string(descriptor.id) +
             ", which was resolved already");
      } else if (promise && !import->promise) {
        fail("settled import " + std::to_string(descriptor.id) + " became a promise");
      }
      ++import->count;
      return {import, false, import};
    }
    case wire::DescriptorKind::kReceiverHosted: {
      auto it = link_->exports.find(descriptor.id);
      if (it == link_->exports.end()) {
        fail("receiverHosted names unknown export " + std::to_string(descriptor.id));
        return {};
      }
      return {follow(it->second.node), true, it->second.node};
    }
    case wire::DescriptorKind::kReceiverAnswer: {
      auto it = link_->answers.find(descriptor.id);
      auto slot = slotAt(envelope.path(descriptor.path));
      if (it == link_->answers.end() && link_->closed_answers.contains(descriptor.id)) {
        return {broken("the answer had no capabilities"), false, nullptr};
      }
      if (it == link_->answers.end() || !slot) {
        fail("receiverAnswer names unknown answer " + std::to_string(descriptor.id));
        return {};
      }
      Cap pin = pinOfAnswer(it->second, *slot);
      return {follow(pin), true, pin};
    }
    case wire::DescriptorKind::kThirdPartyHosted:
      fail("got thirdPartyHosted");
      return {};
  }
  return {};
}

Cap RefVat::pinOfAnswer(Answer& answer, size_t slot) {
  if (!answer.pins[slot]) answer.pins[slot] = field(answer.result, slot);
  return answer.pins[slot];
}

void RefVat::onBootstrap(const wire::Envelope& envelope) {
  if (link_->answers.contains(envelope.id)) return fail("question id in use");
  link_->closed_answers.erase(envelope.id);
  auto result = std::make_shared<Struct>();
  result->answer_link = link_;
  result->answer = envelope.id;
  link_->answers[envelope.id].result = result;
  auto call = static_cast<uint32_t>(
      std::stoul("0" + envelope.object_id.substr(envelope.object_id.empty() ? 0 : 1)));
  if (!world_.knows(call)) return fail("a Bootstrap for nobody: " + envelope.object_id);
  world_.call(call).given = Outcome::kResults;
  world_.unite(world_.call(call).slots[kRootSlot], boot_->shadow);
  Results results;
  results.call = call;
  results.slots[kRootSlot] = boot_;
  complete(*result, results);
}

void RefVat::onCall(const wire::InMessage& message, const wire::Envelope& envelope) {
  if (link_->answers.contains(envelope.id)) return fail("question id in use");
  link_->closed_answers.erase(envelope.id);
  bool redirected = envelope.send_results_to == wire::SendResultsTo::kYourself;
  if (redirected ? !habits_.tail_calls : envelope.send_results_to != wire::SendResultsTo::kCaller) {
    return fail("an odd place for results");
  }
  Cap pin;
  if (envelope.target.kind == wire::Target::Kind::kImportedCap) {
    auto it = link_->exports.find(envelope.target.id);
    if (it == link_->exports.end()) {
      return fail("a call to unknown export " + std::to_string(envelope.target.id));
    }
    pin = it->second.node;
  } else {
    auto it = link_->answers.find(envelope.target.id);
    auto slot = slotAt(envelope.path(envelope.target.path));
    if (it == link_->answers.end() && link_->closed_answers.contains(envelope.target.id)) {
      pin = broken("the answer had no capabilities");
    } else if (it == link_->answers.end() || !slot) {
      return fail("a call to unknown answer " + std::to_string(envelope.target.id));
    } else {
      pin = pinOfAnswer(it->second, *slot);
    }
  }
  std::vector<Imported> table;
  for (const auto& descriptor : envelope.descriptors) table.push_back(read(descriptor, envelope));
  auto content = readCall(message, envelope.payload);
  if (!content) return fail("a call with another content than was sent");

  auto result = std::make_shared<Struct>();
  if (!redirected) {
    result->answer_link = link_;
    result->answer = envelope.id;
  }
  link_->answers[envelope.id].result = result;
  link_->answers[envelope.id].redirected = redirected;
  for (const auto& descriptor : envelope.descriptors) {
    if (descriptor.kind == wire::DescriptorKind::kSenderHosted ||
        descriptor.kind == wire::DescriptorKind::kSenderPromise) {
      link_->answers[envelope.id].params.push_back(descriptor.id);
    }
  }
  Call call{*content, {}, result};
  for (size_t i = 0; i < content->arguments.size(); ++i) {
    int64_t index = content->indices[i];
    bool known = index >= 0 && static_cast<size_t>(index) < table.size();
    call.arguments.push_back(known ? table[static_cast<size_t>(index)].cap : nullptr);
  }
  sendAlong(pin, std::move(call));
}

void RefVat::onReturn(const wire::InMessage& message, const wire::Envelope& envelope) {
  auto it = link_->questions.find(envelope.id);
  if (it == link_->questions.end()) return fail("a Return for an unknown question");
  RefLink::Asked& asked = it->second;
  if (asked.returned) return fail("a second Return");
  if (envelope.release_param_caps) fail("releaseParamCaps is set");
  auto question = asked.question.lock();
  if (envelope.return_kind == wire::ReturnKind::kTakeFromOtherQuestion) {
    asked.returned = true;
    bool finished = asked.finished;
    if (finished) link_->questions.erase(it);
    if (question) question->returned = true;
    return onTaken(envelope.take_from, question.get());
  }
  if (!question) {
    // Canceled: unless our Finish has released what it names, or will be too late for that, it is
    // released one by one.
    bool released = asked.released;
    asked.returned = true;
    if (asked.finished) {
      link_->questions.erase(it);
    } else {
      asked.finished = envelope.no_finish_needed;
    }
    if (released) return;
    for (const auto& descriptor : envelope.descriptors) read(descriptor, envelope);
    return;
  }
  asked.returned = true;
  question->returned = true;
  // No Finish is due; but the peer must have nothing left to forget.
  asked.finished = envelope.no_finish_needed;
  if (envelope.return_kind == wire::ReturnKind::kResults) {
    if (question->tail) return fail("got results that were to be sent elsewhere");
    return onResults(*question, message, envelope);
  }
  // What goes along it goes there for ever.
  if (envelope.return_kind == wire::ReturnKind::kResultsSentElsewhere && question->tail) return;
  if (envelope.return_kind != wire::ReturnKind::kException) return fail("an odd Return");
  Cap why = broken(envelope.exception.reason);
  for (auto& weak : question->paths) {
    auto path = weak.lock();
    if (!path) continue;
    path->how = Remote::How::kBroken;
    path->to = why;
  }
  auto sink = question->sink.lock();
  if (sink && sink->state == Struct::State::kAsked) breakResult(*sink, why);
}

// The results of a call of the peer are those of `question`, or nobody's when it was canceled. What
// went along the question came back as that call: now it goes to where those results are.
void RefVat::onTaken(uint32_t answer_id, Question* question) {
  auto it = link_->answers.find(answer_id);
  if (it == link_->answers.end() || !it->second.redirected || it->second.returned) {
    return fail("results that can't be taken");
  }
  it->second.returned = true;
  auto result = it->second.result;
  write(wire::buildReturnElsewhere(frames_, answer_id));
  if (!question) return;
  for (size_t slot = 0; slot < kSlots; ++slot) {
    auto path = question->paths[slot].lock();
    if (path) settle(*path, {field(result, slot), true, pinOfAnswer(it->second, slot)});
  }
  auto sink = question->sink.lock();
  if (!sink || sink->state != Struct::State::kAsked) return;
  if (result->state == Struct::State::kReturned) return complete(*sink, result->results);
  if (result->state == Struct::State::kBroken) return breakResult(*sink, result->why);
  sink->state = Struct::State::kRedirected;
  sink->other = result;
  result->followers.push_back(sink);
}

void RefVat::onResults(Question& question, const wire::InMessage& message,
                       const wire::Envelope& envelope) {
  std::vector<Imported> table;
  for (const auto& descriptor : envelope.descriptors) table.push_back(read(descriptor, envelope));
  auto content = readResults(message, envelope.payload);
  if (!content) return fail("results with another content than was sent");
  auto sink = question.sink.lock();
  Results results;
  results.call = content->call;
  // A Bootstrap's results hold nothing but the capability.
  if (content->indices[kRootSlot] >= 0 && sink) results.call = sink->watched;
  for (size_t slot = 0; slot < kSlots; ++slot) {
    int64_t index = content->indices[slot];
    Imported found;
    if (index >= 0 && static_cast<size_t>(index) < table.size()) {
      found = table[static_cast<size_t>(index)];
    }
    results.slots[slot] = found.cap;
    auto path = question.paths[slot].lock();
    if (!path) continue;
    settle(*path, found.cap ? found : Imported{broken("no capability there"), false, nullptr});
    if (found.cap) results.slots[slot] = path;
  }
  if (sink && sink->state == Struct::State::kAsked) complete(*sink, results);
}

// Where references to `remote` go from now on (captp-engine 2.6).
void RefVat::settle(Remote& remote, const Imported& to) {
  Cap now = follow(to.cap);
  remote.bounce = to.bounce;
  if (now.get() == &remote) {
    if (!world_.circles) fail("something resolves to itself");
    now = broken("resolves to itself");
  }
  if (now->kind == NodeKind::kBroken) {
    remote.how = Remote::How::kBroken;
    remote.to = now;
  } else if (!to.reflected) {
    remote.how = Remote::How::kTheirs;
    remote.to = now;
    if (remote.used && now->kind == NodeKind::kImport) static_cast<Import&>(*now).used = true;
  } else {
    remote.how = Remote::How::kOurs;
    bool stays = remote.kind == NodeKind::kPath && habits_.stays_on_paths;
    if (!remote.used || stays) {
      remote.to = now;
    } else {
      auto held = std::make_shared<Promise>();
      remote.to = held;
      embargo(remote, now, to.bounce, held);
    }
  }
}

void RefVat::onFinish(const wire::Envelope& envelope) {
  auto it = link_->answers.find(envelope.id);
  if (it == link_->answers.end()) {
    if (link_->closed_answers.erase(envelope.id) == 0) fail("a Finish for an unknown answer");
    return;
  }
  Answer answer = std::move(it->second);
  link_->answers.erase(it);
  if (!answer.returned) {
    answer.result->answer_link.reset();
    write(wire::buildReturnCanceled(frames_, envelope.id));
  } else if (envelope.release_result_caps) {
    for (uint32_t id : answer.exports) forgetExport(id, 1);
  }
}

void RefVat::onResolve(const wire::Envelope& envelope) {
  Imported to;
  if (envelope.is_exception) {
    to.cap = broken(envelope.exception.reason);
  } else if (envelope.descriptors.empty()) {
    return fail("a Resolve without anything");
  } else {
    to = read(envelope.descriptors[0], envelope);
    if (!to.cap) return fail("a Resolve to nothing");
  }
  auto it = link_->imports.find(envelope.id);
  auto import = it == link_->imports.end() ? nullptr : it->second.lock();
  if (!import) return;  // released meanwhile
  if (!import->promise) return fail("a Resolve for something settled");
  if (import->how != Remote::How::kOpen) {
    if (!habits_.resolves_again) fail("a second Resolve");
    return;
  }
  settle(*import, to);
}

void RefVat::onRelease(const wire::Envelope& envelope) {
  if (envelope.count == 0) return fail("a Release of nothing");
  forgetExport(envelope.id, envelope.count);
}

void RefVat::onDisembargo(const wire::Envelope& envelope) {
  if (envelope.disembargo_kind == wire::DisembargoKind::kReceiverLoopback) {
    auto it = link_->embargoes.find(envelope.id);
    if (it == link_->embargoes.end()) return fail("an echo of an unknown Disembargo");
    RefLink::Embargo embargo = std::move(it->second);
    link_->embargoes.erase(it);
    return passEmbargo(std::move(embargo));
  }
  if (envelope.target.kind == wire::Target::Kind::kImportedCap) {
    auto it = link_->exports.find(envelope.target.id);
    if (it == link_->exports.end()) return fail("a Disembargo for an unknown export");
    if (it->second.announced && !it->second.at_peer) {
      return fail("a Disembargo for something that lives here");
    }
    if (!it->second.announced) {
      it->second.held_disembargoes.push_back(envelope.id);
      return;
    }
    return echo(envelope.id, it->second.node);
  }
  auto it = link_->answers.find(envelope.target.id);
  auto slot = slotAt(envelope.path(envelope.target.path));
  if (it == link_->answers.end() || !slot) return fail("a Disembargo for an unknown answer");
  echo(envelope.id, pinOfAnswer(it->second, *slot));
}

void RefVat::echo(uint32_t embargo, const Cap& pin) {
  Cap end = pin;
  while (end->kind == NodeKind::kPromise && static_cast<Promise&>(*end).to) {
    end = static_cast<Promise&>(*end).to;
  }
  if (end->kind != NodeKind::kImport && end->kind != NodeKind::kPath) {
    return fail("a Disembargo for something that does not lead back");
  }
  write(wire::buildDisembargo(frames_, wire::DisembargoKind::kReceiverLoopback, embargo,
                              targetOf(static_cast<Remote&>(*end))));
}

}  // namespace vatmesh::fuzz
