// SPDX-License-Identifier: Apache-2.0
//
// Links, results and promises of a RefVat.
#include "tests/fuzz/ref_vat.h"

#include <utility>

#include "rpc/wire/build.h"

namespace vatmesh::fuzz {

Import::~Import() {
  if (!link->alive) return;
  link->imports.erase(id);
  link->releases.emplace_back(id, count);
}

Question::~Question() {
  if (!link->alive) return;
  link->finishes.push_back(id);
}

RefVat::RefVat(std::string name, ShadowWorld& world, Habits habits)
    : name_(std::move(name)),
      world_(world),
      habits_(habits),
      boot_(std::make_shared<Object>(world.add(ShadowWorld::State::kObject))) {}

RefVat::~RefVat() {
  if (connected()) lose();
  // What became of each other would keep each other.
  for (auto& each : remotes_) {
    auto remote = each.lock();
    if (!remote) continue;
    Cap to = std::move(remote->to);
    Cap bounce = std::move(remote->bounce);
  }
}

void RefVat::fail(const std::string& what) {
  world_.fail(name_ + ": " + what);
}

void RefVat::connect() {
  link_ = std::make_shared<RefLink>();
}

void RefVat::lose() {
  auto link = link_;
  link->alive = false;
  link->lost = broken("the link was lost");
  auto answers = std::exchange(link->answers, {});
  for (auto& [id, answer] : answers) answer.result->answer_link.reset();
  auto questions = std::exchange(link->questions, {});
  for (auto& [id, asked] : questions) {
    auto question = asked.question.lock();
    auto sink = question ? question->sink.lock() : nullptr;
    if (sink && sink->state == Struct::State::kAsked) breakResult(*sink, link->lost);
  }
  auto embargoes = std::exchange(link->embargoes, {});
  for (auto& [id, embargo] : embargoes) resolve(embargo.held, link->lost);
  auto exports = std::exchange(link->exports, {});
  link->canonical.clear();
  link->imports.clear();
  link->releases.clear();
  link->finishes.clear();
  out_.clear();
}

std::vector<Frame> RefVat::flush(bool all) {
  bool later = habits_.lazy && !all && random_->chance(80);
  while (!later && connected() && !(link_->finishes.empty() && link_->releases.empty())) {
    for (uint32_t id : std::exchange(link_->finishes, {})) {
      RefLink::Asked& asked = link_->questions[id];
      bool needed = !asked.returned || habits_.always_finishes || !asked.finished;
      if (needed) {
        bool release = !asked.returned && !habits_.keeps_canceled;
        write(wire::buildFinish(frames_, id, release, habits_.workaround));
        asked.released = release;
      }
      if (asked.returned) {
        link_->questions.erase(id);
      } else {
        asked.finished = true;
      }
    }
    for (auto [id, count] : std::exchange(link_->releases, {})) {
      write(wire::buildRelease(frames_, id, count));
    }
  }
  return std::exchange(out_, {});
}

std::string RefVat::leftovers() const {
  if (!connected()) return "";
  std::string left;
  auto add = [&](const char* what, const auto& table) {
    if (table.empty()) return;
    left += std::string(" ") + what + " " + std::to_string(table.begin()->first);
    if (table.size() > 1) left += " and " + std::to_string(table.size() - 1) + " more";
  };
  add("question", link_->questions);
  add("answer", link_->answers);
  add("export", link_->exports);
  add("import", link_->imports);
  add("embargo", link_->embargoes);
  return left.empty() ? "" : name_ + " still has" + left;
}

Cap RefVat::follow(Cap cap) const {
  while (cap) {
    if (cap->kind == NodeKind::kPromise) {
      auto& promise = static_cast<Promise&>(*cap);
      if (!promise.to) return cap;
      cap = promise.to;
    } else if (cap->kind == NodeKind::kImport || cap->kind == NodeKind::kPath) {
      auto& remote = static_cast<Remote&>(*cap);
      bool stays = cap->kind == NodeKind::kPath && habits_.stays_on_paths &&
                   remote.how != Remote::How::kBroken;
      if (remote.to && !stays) {
        cap = remote.to;
      } else {
        return remote.link->alive ? cap : remote.link->lost;
      }
    } else {
      return cap;
    }
  }
  return cap;
}

Cap RefVat::newObject() {
  return std::make_shared<Object>(world_.add(ShadowWorld::State::kObject));
}

Cap RefVat::pathOf(const std::shared_ptr<Question>& question, size_t slot) {
  auto path = question->paths[slot].lock();
  if (!path) {
    path = std::make_shared<Path>(question, slot);
    question->paths[slot] = path;
    remotes_.push_back(path);
  }
  return path;
}

Cap RefVat::field(const std::shared_ptr<Struct>& result, size_t slot) {
  switch (result->state) {
    case Struct::State::kPending: {
      auto& promise = result->promises[slot];
      if (!promise) promise = std::make_shared<Promise>();
      return promise;
    }
    case Struct::State::kAsked:
      if (result->promises[slot]) return result->promises[slot];
      return pathOf(result->question, slot);
    case Struct::State::kRedirected:
      if (result->promises[slot]) return result->promises[slot];
      // Taken from another question: what went along the path is waited for.
      if (auto path = result->question ? result->question->paths[slot].lock() : nullptr)
        return path;
      return field(result->other, slot);
    case Struct::State::kReturned: {
      Cap cap = result->results.slots[slot];
      return cap ? cap : broken("no capability there");
    }
    case Struct::State::kBroken:
      return result->why;
  }
  return nullptr;
}

// What waited for the results goes to the question from now on.
void RefVat::asked(const std::shared_ptr<Struct>& result,
                   const std::shared_ptr<Question>& question) {
  result->state = Struct::State::kAsked;
  result->question = question;
  for (size_t slot = 0; slot < kSlots; ++slot) {
    if (result->promises[slot]) resolve(result->promises[slot], pathOf(question, slot));
  }
}

void RefVat::redirect(const std::shared_ptr<Struct>& result, const std::shared_ptr<Struct>& other) {
  if (result->state != Struct::State::kPending) return;
  if (other->state == Struct::State::kReturned) return complete(*result, other->results);
  if (other->state == Struct::State::kBroken) return breakResult(*result, other->why);
  result->state = Struct::State::kRedirected;
  result->other = other;
  other->followers.push_back(result);
  for (size_t slot = 0; slot < kSlots; ++slot) {
    if (result->promises[slot]) resolve(result->promises[slot], field(other, slot));
  }
}

void RefVat::answer(const std::shared_ptr<Struct>& result, const Results& results) {
  if (result->state == Struct::State::kPending) complete(*result, results);
}

void RefVat::refuse(const std::shared_ptr<Struct>& result, const std::string& reason) {
  if (result->state == Struct::State::kPending) breakResult(*result, broken(reason));
}

void RefVat::complete(Struct& result, const Results& results) {
  result.state = Struct::State::kReturned;
  result.results = results;
  for (size_t slot = 0; slot < kSlots; ++slot) {
    auto path = result.question ? result.question->paths[slot].lock() : nullptr;
    bool taken = path && path->how == Remote::How::kOurs;
    result.results.slots[slot] = follow(taken ? path : results.slots[slot]);
  }
  if (!habits_.lingers) result.question.reset();
  for (size_t slot = 0; slot < kSlots; ++slot) {
    auto promise = result.promises[slot];
    if (!promise || promise->to) continue;
    Cap cap = result.results.slots[slot];
    resolve(promise, cap ? cap : broken("no capability there"));
  }
  sendReturn(result);
  if (result.watched != 0) {
    world_.returned(std::exchange(result.watched, 0), Outcome::kResults, "", results.call);
  }
  for (auto& weak : std::exchange(result.followers, {})) {
    auto follower = weak.lock();
    if (!follower) continue;
    auto other = std::exchange(follower->other, nullptr);
    complete(*follower, result.results);
  }
}

void RefVat::breakResult(Struct& result, const Cap& why) {
  result.state = Struct::State::kBroken;
  result.why = why;
  auto question = std::exchange(result.question, nullptr);
  for (auto& promise : result.promises) {
    if (promise && !promise->to) resolve(promise, why);
  }
  sendReturn(result);
  if (result.watched != 0) {
    world_.returned(std::exchange(result.watched, 0), Outcome::kException,
                    static_cast<Broken&>(*why).reason, 0);
  }
  for (auto& weak : std::exchange(result.followers, {})) {
    auto follower = weak.lock();
    if (!follower) continue;
    auto other = std::exchange(follower->other, nullptr);
    breakResult(*follower, why);
  }
}

void RefVat::resolve(const std::shared_ptr<Promise>& promise, const Cap& to) {
  Cap now = follow(to);
  if (now == promise) {
    if (!world_.circles) fail("a promise resolves to itself");
    now = broken("the promise resolves to itself");
  }
  promise->to = now;
  for (Call& call : std::exchange(promise->queue, {})) sendAlong(now, std::move(call));
  for (auto& [link, id] : std::exchange(promise->holders, {})) {
    if (link->alive) announce(id, now);
  }
}

void RefVat::deliver(Object& object, Call& call) {
  world_.delivered(call.content, object.shadow);
  Incoming incoming{call.content.call, std::move(call.result), call.content.arguments,
                    std::move(call.arguments)};
  inbox.push_back(std::move(incoming));
}

// Calls went along `path`, which came to lead to `target` of ours: what `held` gets waits until
// they have come back.
void RefVat::embargo(Remote& path, const Cap& target, const Cap& bounce,
                     std::shared_ptr<Promise> held) {
  RefLink& link = *path.link;
  uint32_t id = 0;
  while (link.embargoes.contains(id)) ++id;
  Cap kept;
  if (path.kind == NodeKind::kImport) {
    kept = link.imports[static_cast<Import&>(path).id].lock();
  } else {
    auto& as_path = static_cast<Path&>(path);
    kept = as_path.question->paths[as_path.slot].lock();
  }
  link.embargoes[id] = {std::move(held), target, bounce, kept};
  write(wire::buildDisembargo(frames_, wire::DisembargoKind::kSenderLoopback, id, targetOf(path)));
}

// The calls that `embargo` waits for have reached the entry that they were bounced to, and left it
// along its pin. Where that is a link again they may still be on their way.
void RefVat::passEmbargo(RefLink::Embargo embargo) {
  Cap pin = embargo.bounce;
  bool used = false;
  while (pin) {
    if (pin->kind == NodeKind::kPromise) {
      auto& promise = static_cast<Promise&>(*pin);
      if (!promise.to) break;
      pin = promise.to;
      continue;
    }
    if (pin->kind != NodeKind::kImport && pin->kind != NodeKind::kPath) break;
    auto& remote = static_cast<Remote&>(*pin);
    if (!remote.link->alive || remote.how == Remote::How::kOpen ||
        remote.how == Remote::How::kBroken) {
      break;
    }
    used |= remote.used;
    if (remote.how == Remote::How::kOurs && used) {
      return this->embargo(remote, embargo.target, remote.bounce, std::move(embargo.held));
    }
    pin = remote.bounce;
  }
  resolve(embargo.held, embargo.target);
}

}  // namespace vatmesh::fuzz
