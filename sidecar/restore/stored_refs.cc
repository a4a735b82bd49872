// SPDX-License-Identifier: Apache-2.0
//
// In the order of a restore. Between any two steps the waiter may be gone: `waiters_` has those
// that are not.
#include "sidecar/restore/stored_refs.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace vatmesh::restore {

using metrics::RestoreResult;

StoredRefs::StoredRefs(Parts parts, Duration patience)
    : parts_(std::move(parts)),
      patience_(patience),
      held_(parts_.hub.loop(), parts_.store, parts_.now,
            [this](const store::Digest& digest, const Status& why) { end(digest, why); }),
      deadline_(parts_.hub.loop(), [this] { tooLate(); }),
      self_(std::make_shared<StoredRefs*>(this)),
      watch_(parts_.store.watch(
          [this](const std::optional<store::Digest>& digest) { changed(digest); })) {
  // What changed meanwhile, no watch may have told.
  parts_.health.observe([this] { changed(std::nullopt); });
}

void StoredRefs::restore(link::Link& peer, captp::OpId op, const store::Digest& digest) {
  waiters_.emplace(
      op,
      Waiter{.peer = peer.id(), .digest = digest, .since = parts_.hub.loop().now(), .hold = {}});
  if (parts_.health.status().code() == Code::kTimeout) {
    return unreadable(op, parts_.health.status());
  }
  const uint64_t asker = link::linkKey(peer.id());
  const auto reads = reads_of_.find(asker);
  if (reads != reads_of_.end() && reads->second >= kMaxReads && !loads_.contains(digest)) {
    return fail(op, RestoreResult::kStoreError,
                Status(Code::kOverloaded, "too many sturdy refs at a time; wait for some"));
  }
  const auto [load, is_new] = loads_.try_emplace(digest);
  if (load->second.late) return unreadable(op, Status(Code::kTimeout, "it gives no answer"));
  load->second.waiting.insert(op);
  if (!is_new) return;
  load->second.asker = asker;
  ++reads_of_[asker];
  load->second.since = parts_.hub.loop().now();
  if (!deadline_.armed()) deadline_.armAt(load->second.since + patience_);
  read(digest, load->second);
}

void StoredRefs::read(const store::Digest& digest, Load& load) {
  load.number = ++last_number_;
  load.stale = false;
  load.doubtful = false;
  ++load.reads;
  parts_.store.get(digest, [alive = std::weak_ptr<StoredRefs*>(self_), this, digest,
                            number = load.number](const Result<store::Stored>& stored) {
    if (!alive.expired()) loaded(digest, number, stored);
  });
}

void StoredRefs::loaded(const store::Digest& digest, uint64_t number,
                        const Result<store::Stored>& stored) {
  const auto load = loads_.find(digest);
  if (load == loads_.end() || load->second.number != number) return;
  const bool doubtful = load->second.doubtful;
  // Not for ever, since where nobody tells what was changed, everything is, again and again.
  const bool again = load->second.stale || (doubtful && !stored.ok() && load->second.reads < 2);
  if (again && !load->second.waiting.empty()) return read(digest, load->second);
  const std::set<captp::OpId> waiting = std::move(load->second.waiting);
  const auto reads = reads_of_.find(load->second.asker);
  if (--reads->second == 0) reads_of_.erase(reads);
  loads_.erase(load);
  parts_.health.report(stored.status());
  if (stored.ok()) {
    const auto record = std::make_shared<const store::Record>(stored->record);
    for (const captp::OpId op : waiting) take(op, record);
    if (doubtful) held_.changed(digest);
  } else if (stored.status().code() == Code::kNotFound) {
    for (const captp::OpId op : waiting) unknown(op);
  } else {
    for (const captp::OpId op : waiting) unreadable(op, stored.status());
  }
}

void StoredRefs::take(captp::OpId op, const RecordPtr& record) {
  const auto waiter = waiters_.find(op);
  if (waiter == waiters_.end()) return;
  if (record->counter) return unknown(op);
  if (!maySee(waiter->second, *record)) {
    const link::Link* peer = parts_.hub.find(waiter->second.peer);
    parts_.hub.limitedLog().write(
        LogLevel::kInfo, "restore", "sealed",
        (peer == nullptr ? "a peer" : peer->describe()) + " asked for the sturdy ref " +
            waiter->second.digest.shortName() + ", which is sealed for another");
    return fail(op, RestoreResult::kDenied, unknownId());
  }
  waiter->second.hold = held_.hold(waiter->second.digest, *record);
  parts_.source.linkFor(waiter->second.peer, [alive = std::weak_ptr<StoredRefs*>(self_), this, op,
                                              record](const Result<captp::LinkId>& app_link) {
    if (!alive.expired()) linked(op, record, app_link);
  });
}

bool StoredRefs::maySee(const Waiter& waiter, const store::Record& record) const {
  if (!record.sealed_for) return true;
  const link::Link* peer = parts_.hub.find(waiter.peer);
  return peer != nullptr && peer->peerFingerprint() == record.sealed_for->view();
}

void StoredRefs::linked(captp::OpId op, const RecordPtr& record,
                        const Result<captp::LinkId>& app_link) {
  const auto waiter = waiters_.find(op);
  if (waiter == waiters_.end()) return;
  if (!app_link.ok()) return fail(op, RestoreResult::kAppError, app_link.status());
  const ObjectKey key(waiter->second.digest, link::linkKey(*app_link));
  const auto object = objects_.find(key);
  if (object == objects_.end()) return ask(key, *app_link, op, record);
  if (object->second.gate.value == 0) {
    object->second.waiting.insert(op);
    return;
  }
  captp::Capability gate = parts_.hub.objects().reference(object->second.gate);
  if (gate && !parts_.hub.vat().isBroken(gate)) return give(op, std::move(gate));
  // Who holds a dead one keeps nobody from a new one.
  objects_.erase(object);
  ask(key, *app_link, op, record);
}

void StoredRefs::ask(const ObjectKey& key, captp::LinkId app_link, captp::OpId op,
                     const RecordPtr& record) {
  const link::Link* peer = parts_.hub.find(waiters_.at(op).peer);
  if (peer == nullptr) return cancel(op);
  const uint64_t number = ++last_number_;
  Result<vat::PendingCall> call =
      parts_.source.restore(app_link, record->object_ref, *peer,
                            [alive = std::weak_ptr<StoredRefs*>(self_), this, key,
                             number](Result<captp::Capability> object) {
                              if (!alive.expired()) restored(key, number, std::move(object));
                            });
  if (!call.ok()) return fail(op, RestoreResult::kAppError, call.status());
  Object& object = objects_[key];
  object.number = number;
  object.waiting.insert(op);
  object.call = std::move(*call);
  object.hold = held_.hold(key.first, *record);
}

void StoredRefs::restored(const ObjectKey& key, uint64_t number, Result<captp::Capability> object) {
  const auto asked = objects_.find(key);
  if (asked == objects_.end() || asked->second.number != number) return;
  const std::set<captp::OpId> waiting = std::move(asked->second.waiting);
  if (!object.ok()) {
    objects_.erase(asked);
    for (const captp::OpId op : waiting) fail(op, RestoreResult::kAppError, object.status());
    return;
  }
  const vat::NewObject gate = parts_.grants.gate(
      key.first, *object, [alive = std::weak_ptr<StoredRefs*>(self_), this, key, number] {
        const auto gone = alive.expired() ? objects_.end() : objects_.find(key);
        if (!alive.expired() && gone != objects_.end() && gone->second.number == number) {
          objects_.erase(gone);
        }
      });
  asked->second.gate = gate.id;
  asked->second.call.detach();
  for (const captp::OpId op : waiting) give(op, gate.capability.clone());
}

void StoredRefs::give(captp::OpId op, captp::Capability gate) {
  if (over(op, RestoreResult::kOk)) parts_.hub.complete(op, vat::Restored{std::move(gate), {}});
}

void StoredRefs::fail(captp::OpId op, RestoreResult result, const Status& why) {
  if (over(op, result)) parts_.hub.complete(op, why);
}

// Forgets and counts a waiter; false when it is gone already.
bool StoredRefs::over(captp::OpId op, RestoreResult result) {
  const auto waiter = waiters_.extract(op);
  if (!waiter) return false;
  metrics::Counters& counters = parts_.hub.counters();
  ++counters.restores[metrics::at(result)];
  counters.restore_durations.add(
      std::chrono::duration<double>(parts_.hub.loop().now() - waiter.mapped().since).count());
  return true;
}

void StoredRefs::unknown(captp::OpId op) {
  const auto waiter = waiters_.find(op);
  if (waiter == waiters_.end()) return;
  const link::Link* peer = parts_.hub.find(waiter->second.peer);
  parts_.hub.limitedLog().write(LogLevel::kInfo, "restore", "unknown id",
                                (peer == nullptr ? "a peer" : peer->describe()) +
                                    " asked for an unknown id (" +
                                    waiter->second.digest.shortName() + ")");
  fail(op, RestoreResult::kUnknown, unknownId());
}

void StoredRefs::unreadable(captp::OpId op, const Status& why) {
  const auto waiter = waiters_.find(op);
  if (waiter == waiters_.end()) return;
  const std::string name = waiter->second.digest.shortName();
  parts_.hub.limitedLog().write(LogLevel::kWarning, "restore", "store",
                                "can't read the sturdy ref " + name + ": " + why.message());
  fail(op, RestoreResult::kStoreError,
       why.code() == Code::kCorrupt
           ? Status(Code::kFailed, "what was stored of the sturdy ref " + name +
                                       " is damaged; ask its owner for a new one")
           : storeFailure(why));
}

// Who waits for the store no longer does; its answer, should it come, is dropped.
void StoredRefs::tooLate() {
  const Instant now = parts_.hub.loop().now();
  const Status why(Code::kTimeout, "it gives no answer");
  std::set<captp::OpId> over;
  Instant next = kNever;
  for (auto& [digest, load] : loads_) {
    if (load.late) continue;
    if (load.since + patience_ > now) {
      next = std::min(next, load.since + patience_);
    } else {
      load.late = true;
      over.merge(std::exchange(load.waiting, {}));
    }
  }
  deadline_.armAt(next);
  parts_.health.report(over.empty() ? Status() : why);
  for (const captp::OpId op : over) unreadable(op, why);
}

void StoredRefs::cancel(captp::OpId op) {
  const auto waiter = waiters_.find(op);
  if (waiter == waiters_.end()) return;
  const store::Digest digest = waiter->second.digest;
  waiters_.erase(waiter);
  if (const auto load = loads_.find(digest); load != loads_.end()) load->second.waiting.erase(op);
  auto object = objects_.lower_bound({digest, 0});
  while (object != objects_.end() && object->first.first == digest) {
    const bool was_waiting = object->second.waiting.erase(op) > 0;
    const bool unwanted = was_waiting && object->second.waiting.empty();
    object = unwanted ? objects_.erase(object) : std::next(object);
  }
}

void StoredRefs::peerGone(captp::LinkId peer) {
  std::set<captp::OpId> ops;
  for (const auto& [op, waiter] : waiters_) {
    if (waiter.peer == peer) ops.insert(op);
  }
  for (const captp::OpId op : ops) cancel(op);
  parts_.source.peerGone(peer);
}

void StoredRefs::changed(const std::optional<store::Digest>& digest) {
  if (!digest) {
    for (auto& [each, load] : loads_) load.doubtful = true;
  } else if (const auto load = loads_.find(*digest); load != loads_.end()) {
    load->second.stale = true;
  }
  held_.changed(digest);
}

void StoredRefs::end(const store::Digest& digest, const Status& why) {
  const auto load = loads_.find(digest);
  if (load != loads_.end()) load->second.stale = true;
  // Those whose record was read already; the others will find that it is gone.
  std::set<captp::OpId> ops;
  for (const auto& [op, waiter] : waiters_) {
    const bool reading = load != loads_.end() && load->second.waiting.contains(op);
    if (waiter.digest == digest && !reading) ops.insert(op);
  }
  auto first = objects_.lower_bound({digest, 0});
  auto behind = objects_.upper_bound({digest, ~uint64_t{0}});
  objects_.erase(first, behind);
  for (const captp::OpId op : ops) fail(op, RestoreResult::kUnknown, unknownId());
  if (!parts_.grants.cut(digest, why)) return;
  parts_.hub.log().info("restore", why.message() + ": what was restored from it is cut off");
}

}  // namespace vatmesh::restore
