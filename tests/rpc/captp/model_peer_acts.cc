// SPDX-License-Identifier: Apache-2.0
//
// What a ModelPeer does.
#include "tests/rpc/captp/model_peer.h"

namespace vatmesh::captp {

using wire::DescriptorKind;

namespace {

constexpr uint16_t kSteps[] = {0, 1, 0};

// A few paths; results are flat, so that the longer ones lead nowhere.
std::span<const uint16_t> path(size_t index) {
  switch (index % 4) {
    case 0:
      return {kSteps, 1};
    case 1:
      return {kSteps + 1, 1};
    case 2:
      return {kSteps, 2};
    default:
      return {};
  }
}

}  // namespace

// A random entry of those that are wanted; end() if there is none.
template <typename Map>
auto ModelPeer::pick(Map& map, std::function<bool(const typename Map::mapped_type&)> wanted) {
  std::vector<typename Map::iterator> candidates;
  for (auto it = map.begin(); it != map.end(); ++it) {
    if (wanted(it->second)) candidates.push_back(it);
  }
  if (candidates.empty()) return map.end();
  return candidates[below(static_cast<uint32_t>(candidates.size()))];
}

uint32_t ModelPeer::newQuestion() {
  uint32_t id = 0;
  while (questions_.contains(id) || embargoes_.contains(id)) ++id;
  return id;
}

uint32_t ModelPeer::newExport(bool promise) {
  uint32_t id = 0;
  while (exports_.contains(id)) ++id;
  exports_[id].promise = promise;
  exports_[id].age = ++exports_made_;
  return id;
}

bool ModelPeer::act() {
  // Finishing and releasing outweigh, so that the tables stay small.
  static constexpr bool (ModelPeer::* kActs[])() = {
      &ModelPeer::bootstrap, &ModelPeer::call,    &ModelPeer::call,       &ModelPeer::call,
      &ModelPeer::call,      &ModelPeer::call,    &ModelPeer::answer,     &ModelPeer::answer,
      &ModelPeer::answer,    &ModelPeer::answer,  &ModelPeer::takeFrom,   &ModelPeer::finish,
      &ModelPeer::finish,    &ModelPeer::finish,  &ModelPeer::release,    &ModelPeer::release,
      &ModelPeer::release,   &ModelPeer::resolve, &ModelPeer::disembargo, &ModelPeer::echo};
  return (this->*kActs[below(std::size(kActs))])();
}

// === Capabilities

wire::OutDescriptor ModelPeer::describeOwn(std::vector<uint32_t>* exports) {
  auto it = below(2) == 0
                ? pick(exports_, [](const Export& own) { return !(own.promise && own.resolved); })
                : exports_.find(newExport(below(2) == 0));
  if (it == exports_.end()) it = exports_.find(newExport(false));
  ++it->second.refs;
  if (exports) exports->push_back(it->first);
  return it->second.promise ? senderPromise(it->first) : senderHosted(it->first);
}

wire::OutDescriptor ModelPeer::describe(std::vector<uint32_t>* exports) {
  switch (below(5)) {
    case 0: {
      auto it = pick(imports_, [](const Import&) { return true; });
      if (it != imports_.end()) return receiverHosted(it->first);
      return {};
    }
    case 1: {
      auto it = pick(questions_, [](const Question& question) { return !question.finished; });
      if (it != questions_.end()) return receiverAnswer(it->first, path(below(4)));
      return {};
    }
    case 2:
      if (below(3) == 0) return {};
      [[fallthrough]];
    default:
      return describeOwn(exports);
  }
}

std::vector<wire::OutDescriptor> ModelPeer::describeSome(std::vector<uint32_t>* exports) {
  std::vector<wire::OutDescriptor> some(below(4));
  for (wire::OutDescriptor& one : some) one = describe(exports);
  return some;
}

// === Asking

bool ModelPeer::bootstrap() {
  uint32_t id = newQuestion();
  questions_[id] = {};
  say(wire::buildBootstrap(harness_.frames(), id, ""));
  return true;
}

std::optional<wire::OutTarget> ModelPeer::target(uint64_t& call_number) {
  if (below(2) == 0) {
    auto it = pick(imports_, [](const Import&) { return true; });
    if (it == imports_.end()) return std::nullopt;
    call_number = shared_.order.nextCall(it->second.reference);
    return importedCap(it->first);
  }
  auto it = pick(questions_, [](const Question& question) { return !question.finished; });
  if (it == questions_.end()) return std::nullopt;
  size_t index = below(4);
  uint32_t& reference = it->second.references[index];
  if (reference == 0) reference = shared_.order.newReference();
  call_number = shared_.order.nextCall(reference);
  return promisedAnswer(it->first, path(index));
}

bool ModelPeer::call() {
  if (questions_.size() > 30) return false;
  wire::OutCall call;
  auto where = target(call.interface_id);
  if (!where) return false;
  call.target = *where;
  if (shared_.saves && below(6) == 0) call.interface_id = kPersistent;
  auto table = describeSome(nullptr);
  bool silent = below(12) == 0;
  call.question_id = silent ? (1u << 31) + silent_questions_++ : newQuestion();
  if (!silent && below(5) == 0) call.send_results_to = wire::SendResultsTo::kYourself;
  Question& question = questions_[call.question_id];
  question.redirected = call.send_results_to == wire::SendResultsTo::kYourself;
  question.silent = silent;
  Draft draft(wire::buildCall(harness_.frames(), call, table));
  say(silent ? draft.onlyPromisePipeline() : draft);
  return true;
}

void ModelPeer::finishQuestion(uint32_t id) {
  Question& question = questions_.at(id);
  std::vector<uint32_t> held;
  for (const wire::Descriptor& descriptor : question.results) {
    if (descriptor.kind == DescriptorKind::kSenderHosted ||
        descriptor.kind == DescriptorKind::kSenderPromise) {
      held.push_back(descriptor.id);
    }
  }
  question.finished = true;
  // What has been released one by one can't be released by the flag again.
  question.releases = question.returned ? below(2) == 0 && holdsAll(held) : below(5) != 0;
  say(wire::buildFinish(harness_.frames(), id, question.releases, below(2) == 0));
  if (question.returned && question.releases) {
    for (uint32_t import : held) forgetImport(import, 1);
  }
  if (question.returned || question.silent) questions_.erase(id);
}

bool ModelPeer::finish() {
  bool any = below(4) == 0;
  auto it = pick(questions_, [&](const Question& question) {
    return !question.finished && (any || question.returned);
  });
  if (it == questions_.end()) return false;
  finishQuestion(it->first);
  return true;
}

bool ModelPeer::disembargo() {
  auto it = pick(questions_, [](const Question& question) {
    return question.returned && !question.finished && !question.results.empty();
  });
  if (it == questions_.end()) return false;
  for (size_t field = 0; field < 2 && field < it->second.results.size(); ++field) {
    DescriptorKind kind = it->second.results[field].kind;
    if (kind != DescriptorKind::kReceiverHosted && kind != DescriptorKind::kReceiverAnswer) {
      continue;
    }
    uint32_t embargo = newQuestion();
    embargoes_[embargo] = true;
    say(wire::buildDisembargo(harness_.frames(), wire::DisembargoKind::kSenderLoopback, embargo,
                              promisedAnswer(it->first, path(field))));
    return true;
  }
  return false;
}

// Calls that reached what had moved are answered here and not sent back, so that nothing has to go
// before the echo. What the target of an echo names is nobody's business (R-D4).
bool ModelPeer::echo() {
  if (owed_echoes_.empty()) return false;
  wire::Envelope message = std::move(owed_echoes_.front());
  owed_echoes_.pop_front();
  say(wire::buildDisembargo(harness_.frames(), wire::DisembargoKind::kReceiverLoopback, message.id,
                            importedCap(0)));
  return true;
}

// === Answering

bool ModelPeer::holdsAll(const std::vector<uint32_t>& imports) const {
  std::map<uint32_t, uint32_t> needed;
  for (uint32_t id : imports) ++needed[id];
  for (const auto& [id, refs] : needed) {
    auto it = imports_.find(id);
    if (it == imports_.end() || it->second.refs < refs) return false;
  }
  return true;
}

bool ModelPeer::answer() {
  auto it = pick(asked_, [](const Asked& asked) { return !asked.returned; });
  if (it == asked_.end()) return false;
  auto& [id, asked] = *it;
  uint32_t kind = asked.finished ? below(3) : 2 + below(8);
  std::optional<Draft> draft;
  if (kind == 0) {
    draft.emplace(wire::buildReturnCanceled(harness_.frames(), id));
  } else if (kind <= 2) {
    draft.emplace(wire::buildReturnException(harness_.frames(), id, 0, "random"));
    if (below(3) == 0) draft->noFinishNeeded();
  } else {
    auto table = describeSome(&asked.results);
    bool hint = below(3) == 0 && table.empty();
    draft.emplace(wire::buildReturnResults(harness_.frames(), {id, hint}, table));
  }
  bool releases = below(3) == 0 && holdsAll(asked.params);
  if (releases) draft->releaseParamCaps();
  say(*draft);
  std::vector<uint32_t> released;
  if (releases) released = asked.params;
  asked.returned = true;
  wire::Envelope said;
  EXPECT_TRUE(wire::decode(draft->take(), {}, said).ok());
  bool forgotten = said.no_finish_needed && said.descriptors.empty();
  if (asked.finished) {
    for (uint32_t result : asked.results) dropExport(result, 1);
  }
  if (asked.finished || forgotten) asked_.erase(it);
  for (uint32_t param : released) forgetImport(param, 1);
  return true;
}

bool ModelPeer::takeFrom() {
  auto from = pick(questions_, [](const Question& question) {
    return question.redirected && !question.taken && !question.finished;
  });
  auto it = pick(asked_, [](const Asked& asked) { return !asked.returned && !asked.finished; });
  if (from == questions_.end() || it == asked_.end()) return false;
  from->second.taken = true;
  it->second.returned = true;
  say(wire::buildReturnTakeFrom(harness_.frames(), it->first, from->first));
  return true;
}

bool ModelPeer::resolve() {
  auto it = pick(exports_, [](const Export& own) { return own.promise && !own.resolved; });
  if (it == exports_.end()) return false;
  uint32_t id = it->first;
  it->second.resolved = true;
  if (below(4) == 0) {
    say(wire::buildResolveException(harness_.frames(), id, 0, "random"));
    return true;
  }
  wire::OutDescriptor to = describe(nullptr);
  bool older =
      to.kind == DescriptorKind::kSenderPromise && exports_.at(to.id).age < exports_.at(id).age;
  if (to.kind == DescriptorKind::kNone || older) {
    if (older) dropExport(to.id, 1);
    uint32_t object = newExport(false);
    ++exports_.at(object).refs;
    to = senderHosted(object);
  }
  say(wire::buildResolve(harness_.frames(), id, to));
  return true;
}

bool ModelPeer::release() {
  auto it = pick(imports_, [](const Import&) { return true; });
  if (it == imports_.end()) return false;
  uint32_t id = it->first;
  uint32_t refs = below(2) == 0 ? it->second.refs : 1;
  say(wire::buildRelease(harness_.frames(), id, refs));
  forgetImport(id, refs);
  return true;
}

void ModelPeer::forgetImport(uint32_t id, uint32_t refs) {
  auto it = imports_.find(id);
  it->second.refs -= refs;
  if (it->second.refs == 0) imports_.erase(it);
}

// === The end

void ModelPeer::windDown() {
  while (read()) {
  }
  while (pick(asked_, [](const Asked& asked) { return !asked.returned; }) != asked_.end()) {
    uint32_t id = pick(asked_, [](const Asked& asked) { return !asked.returned; })->first;
    Asked& asked = asked_.at(id);
    asked.returned = true;
    bool finished = asked.finished;
    if (finished) asked_.erase(id);
    say(wire::buildReturnException(harness_.frames(), id, 0, "the end"));
  }
  while (true) {
    auto it = pick(questions_, [](const Question& question) { return !question.finished; });
    if (it == questions_.end()) break;
    finishQuestion(it->first);
  }
  while (release()) {
  }
  while (echo()) {
  }
}

bool ModelPeer::done() const {
  return unread_.empty() && imports_.empty() && exports_.empty() && questions_.empty() &&
         asked_.empty() && embargoes_.empty() && owed_echoes_.empty() && rules_.leftOver().empty();
}

}  // namespace vatmesh::captp
