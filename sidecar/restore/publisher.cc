// SPDX-License-Identifier: Apache-2.0
#include "sidecar/restore/publisher.h"

#include <array>
#include <utility>

#include "sidecar/restore/grants.h"
#include "sidecar/restore/store_health.h"

namespace vatmesh::restore {
namespace {

constexpr int kMaxAttempts = 8;

}  // namespace

// One record on its way into the store. At any time it waits for one answer, or for those of both
// its writes.
class Publisher::Job : public std::enable_shared_from_this<Job> {
 public:
  Job(Publisher& publisher, const store::Digest& family, store::Record record, OnPublished done,
      IfThere if_there)
      : publisher_(publisher),
        family_(family),
        record_(std::move(record)),
        done_(std::move(done)),
        if_there_(if_there) {}

  OnPublished takeDone() { return std::move(done_); }

  // Reads the counter, then the ref that it leads to.
  void begin() {
    if (++attempts_ > kMaxAttempts) {
      return end(Status(Code::kOverloaded, "others publish the same object; try again"));
    }
    store().getFresh(family_, on<store::Stored>(&Job::counterRead));
  }

 private:
  store::Store& store() const { return *publisher_.store_; }
  std::string id() const { return publisher_.ids_->id(record_, generation_); }
  store::Digest digest() const { return digestOf(id()); }

  // A completion that does nothing once the job is over, or the publisher gone.
  template <typename T>
  std::function<void(Result<T>)> on(void (Job::*step)(const Result<T>&)) {
    return [weak = weak_from_this(), step](const Result<T>& result) {
      if (const auto job = weak.lock()) (job.get()->*step)(result);
    };
  }

  void counterRead(const Result<store::Stored>& counter) {
    if (counter.ok()) {
      generation_ = counter->record.generation;
      counter_version_ = counter->version;
      store().getFresh(digest(), on<store::Stored>(&Job::refRead));
    } else if (counter.status().code() == Code::kNotFound) {
      generation_ = anyGeneration();
      write(store::kNoVersion);
    } else if (counter.status().code() == Code::kCorrupt) {
      generation_ = anyGeneration();
      write(store::kAnyVersion);
    } else {
      end(publisher_.failure(counter.status()));
    }
  }

  void refRead(const Result<store::Stored>& ref) {
    const Code code = ref.status().code();
    if (ref.ok()) {
      if_there_ == IfThere::kKeep ? keep(ref->record) : renew(*ref);
    } else if (code == Code::kNotFound && raised_elsewhere_ && attempts_ < kMaxAttempts / 2) {
      begin();  // who raised it may be about to write the ref
    } else if (code == Code::kNotFound || code == Code::kCorrupt) {
      ++generation_;
      write(counter_version_);
    } else {
      end(publisher_.failure(ref.status()));
    }
  }

  // Without a counter nobody knows which ones were given out, and revoked: there may have been one,
  // which was lost. Of so many, none was.
  uint64_t anyGeneration() {
    std::array<uint8_t, 6> bytes;
    publisher_.entropy_.fill(bytes);
    uint64_t generation = 0;
    for (const uint8_t byte : bytes) generation = generation << 8 | byte;
    return generation;
  }

  // The counter first: it must be there whenever the ref is.
  void write(store::Version counter_version) {
    store::Record counter;
    counter.created = publisher_.parts_.now();
    counter.generation = generation_;
    counter.counter = true;
    ++writes_left_;
    store().put(family_, std::move(counter), counter_version,
                on<store::Version>(&Job::counterWritten));
    writeRef();
  }

  void writeRef() {
    record_.created = publisher_.parts_.now();
    record_.generation = generation_;
    ++writes_left_;
    store().put(digest(), record_, store::kNoVersion, on<store::Version>(&Job::refWritten));
  }

  void counterWritten(const Result<store::Version>& result) {
    counter_ = result.status();
    if (--writes_left_ == 0) written();
  }

  void refWritten(const Result<store::Version>& result) {
    ref_ = result;
    if (--writes_left_ == 0) written();
  }

  void written() {
    const Status counter = std::exchange(counter_, Status());
    const Result<store::Version> ref = ref_;
    if (counter.code() == Code::kConflict || counter.code() == Code::kNotFound) {
      raised_elsewhere_ = true;
      if (ref.ok()) orphan_ = {digest(), *ref};
      begin();
    } else if (!counter.ok()) {
      end(publisher_.failure(counter));
    } else if (ref.ok()) {
      published();
    } else if (ref.status().code() == Code::kConflict) {
      begin();  // who published the same meanwhile has made the ref as well
    } else {
      end(publisher_.failure(ref.status()));
    }
  }

  // An owner may have again what it has. Those without a name are many.
  void keep(const store::Record& there) {
    const bool lasts_longer =
        record_.expires && (!there.expires || *there.expires > *record_.expires);
    if (record_.owner || !lasts_longer) return published();
    end(Status(Code::kRefused,
               "others have a ref to this object that lasts longer than the one it came from"));
  }

  // Gives the ref that is there the label and the end that are wanted now.
  void renew(const store::Stored& stored) {
    store::Record renewed = stored.record;
    if (!record_.label.empty()) renewed.label = record_.label;
    renewed.expires = record_.expires;
    if (renewed == stored.record) return published();
    if (renewed.notes.size() < store::kMaxNotes) {
      renewed.notes.push_back({.at = publisher_.parts_.now(), .text = "published anew"});
    }
    store().put(digest(), std::move(renewed), stored.version, on<store::Version>(&Job::renewedRef));
  }

  void renewedRef(const Result<store::Version>& result) {
    const Code code = result.status().code();
    if (result.ok()) {
      published();
    } else if (code == Code::kConflict || code == Code::kNotFound) {
      begin();
    } else {
      end(publisher_.failure(result.status()));
    }
  }

  void published() {
    if (orphan_ && orphan_->first != digest()) {
      store().remove(orphan_->first, orphan_->second, [](const Status&) {});
    }
    publisher_.parts_.changed(digest(), /*removed=*/false);
    const Result<sturdy::SturdyUri> uri = publisher_.parts_.uri_of(id());
    end(uri.ok() ? Result<Published>(Published{sturdy::printUri(*uri), digest()})
                 : Result<Published>(uri.status()));
  }

  void end(Result<Published> result) { publisher_.finish(family_, std::move(result)); }

  Publisher& publisher_;
  const store::Digest family_;
  store::Record record_;
  OnPublished done_;
  const IfThere if_there_;
  int attempts_ = 0;
  uint64_t generation_ = 0;
  store::Version counter_version_ = store::kNoVersion;
  bool raised_elsewhere_ = false;  // by another process, while we were at it
  int writes_left_ = 0;
  Status counter_;  // how writing it went; ok when only the ref is written
  Result<store::Version> ref_ = store::kNoVersion;
  // A ref that was written for a generation that isn't the last one.
  std::optional<std::pair<store::Digest, store::Version>> orphan_;
};

Publisher::Publisher(store::Store* store, Entropy& entropy, Parts parts)
    : store_(store),
      entropy_(entropy),
      parts_(std::move(parts)),
      self_(std::make_shared<Publisher*>(this)) {}

Publisher::~Publisher() = default;

Status Publisher::noStore() {
  return {Code::kFailed, "no durable store; set \"store\""};
}

void Publisher::publish(store::Record record, OnPublished done, IfThere if_there) {
  const Status status = store_ == nullptr ? noStore() : makeIds();
  if (!status.ok()) return done(status);
  const Result<sturdy::SturdyUri> uri = parts_.uri_of({});
  if (!uri.ok()) return done(uri.status());
  const store::Digest family = ids_->family(record);
  auto& jobs = jobs_[family];
  jobs.push_back(
      std::make_shared<Job>(*this, family, std::move(record), std::move(done), if_there));
  if (jobs.size() == 1) jobs.front()->begin();
}

Status Publisher::makeIds() {
  if (ids_) return Status();
  const Result<std::string> secret = parts_.secret();
  if (!secret.ok()) return secret.status();
  ids_.emplace(*secret);
  return Status();
}

Status Publisher::failure(const Status& cause) {
  // What can't be stored is the caller's own fault.
  if (cause.code() != Code::kInvalidArgument) parts_.failed(cause);
  return storeFailure(cause);
}

void Publisher::finish(const store::Digest& family, Result<Published> result) {
  const auto jobs = jobs_.find(family);
  const std::shared_ptr<Job> job = std::move(jobs->second.front());
  jobs->second.pop_front();
  if (jobs->second.empty()) {
    jobs_.erase(jobs);
  } else {
    jobs->second.front()->begin();
  }
  job->takeDone()(std::move(result));
}

void Publisher::revoke(const store::Digest& digest, OnRevoked done) {
  if (store_ == nullptr) return done(noStore());
  store_->remove(digest, store::kAnyVersion,
                 [alive = std::weak_ptr<Publisher*>(self_), this, digest,
                  done = std::move(done)](const Status& status) {
                   if (alive.expired()) return;
                   const bool gone = status.ok() || status.code() == Code::kNotFound;
                   if (gone) parts_.changed(digest, /*removed=*/true);
                   done(gone ? status : failure(status));
                 });
}

void Publisher::info(const store::Digest& digest, OnInfo done) {
  if (store_ == nullptr) return done(noStore());
  store_->getFresh(digest, [alive = std::weak_ptr<Publisher*>(self_), this,
                            done = std::move(done)](Result<store::Stored> stored) {
    if (alive.expired()) return;
    if (stored.ok()) return done(std::move(stored->record));
    const Code code = stored.status().code();
    done(code == Code::kNotFound || code == Code::kCorrupt ? stored.status()
                                                           : failure(stored.status()));
  });
}

}  // namespace vatmesh::restore
