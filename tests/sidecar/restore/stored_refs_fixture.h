// SPDX-License-Identifier: Apache-2.0
//
// StoredRefsTest is a vat whose peers restore from a store, with an application that the test
// plays.
#pragma once

#include <chrono>

#include "sidecar/restore/stored_refs.h"
#include "tests/fakes/test_store.h"
#include "tests/sidecar/restore/restore_fixture.h"

namespace vatmesh::restore {

// The record of a ref to what the application calls `object_ref`.
inline store::Record refTo(const std::string& object_ref,
                           std::optional<store::UnixTime> expires = {}) {
  store::Record record;
  record.object_ref = object_ref;
  record.expires = expires;
  return record;
}

// Keeps the call until the test is over, unless it is canceled.
class Pending : public vat::LocalObject {
 public:
  explicit Pending(int& canceled) : canceled_(canceled) {}
  void call(vat::CallView, vat::Responder responder) override {
    responder.onCancel([this] { ++canceled_; });
    responders_.push_back(std::move(responder));
  }

 private:
  int& canceled_;
  std::vector<vat::Responder> responders_;
};

// An application whose answers the test gives.
class FakeSource : public ObjectSource {
 public:
  struct Asked {
    captp::LinkId app_link;
    std::string object_ref;
    std::string fingerprint;
    Done done;
  };

  explicit FakeSource(link::Hub& hub) : hub_(hub) {}
  void linkFor(captp::LinkId, link::Application::Done done) override {
    if (linking) {
      waiting.push_back(std::move(done));
    } else {
      done(link);
    }
  }
  Result<vat::PendingCall> restore(captp::LinkId app_link, const std::string& object_ref,
                                   const link::Link& peer, Done done) override {
    asked.push_back({app_link, object_ref, peer.peerFingerprint(), std::move(done)});
    if (object_ref == "malformed") return Status(Code::kCorrupt, "no object ref");
    return hub_.objects().call(hub_.objects().add(std::make_unique<Pending>(canceled)), {},
                               [](const Result<vat::Content>&) {});
  }
  void peerGone(captp::LinkId peer) override { gone.push_back(peer); }

  Result<captp::LinkId> link = captp::LinkId{.slot = 7, .generation = 1};
  bool linking = false;
  std::vector<link::Application::Done> waiting;
  std::vector<Asked> asked;
  std::vector<captp::LinkId> gone;
  int canceled = 0;

 private:
  link::Hub& hub_;
};

class StoredRefsTest : public RestoreFixture {
 protected:
  explicit StoredRefsTest(Duration patience = StoredRefs::kPatience)
      : health_(loop_, log_, store_),
        stored_({.hub = hub_,
                 .grants = grants_,
                 .store = store_,
                 .health = health_,
                 .source = source_,
                 .now = [this] { return now_; }},
                patience) {
    exports_.serveStored(stored_);
    until([this] { return health_.status().ok(); });
    store_.gets = 0;
  }
  ~StoredRefsTest() override {
    source_.asked.clear();
    hub_.objects().settle();
  }

  store::Digest save(const std::string& id, store::Record record = refTo("object")) {
    const store::Digest digest = digestOf(id);
    bool done = false;
    store_.put(digest, std::move(record), store::kNoVersion, [&](const auto&) { done = true; });
    until([&] { return done; });
    turns();
    return digest;
  }
  void take(const store::Digest& digest) {
    bool done = false;
    store_.remove(digest, store::kAnyVersion, [&](const auto&) { done = true; });
    until([&] { return done; });
  }
  // The application answers its request number `index`.
  void answer(size_t index) { source_.asked.at(index).done(object()); }
  // Has `peer` get the object of `id`, which becomes its import 0.
  void give(test::RawVat& peer, uint32_t question, const std::string& id) {
    const size_t index = source_.asked.size();
    peer.bootstrap(question, id);
    until([&] { return source_.asked.size() > index; });
    answer(index);
    until([&] { return peer.returned(question) != nullptr; });
    ASSERT_EQ(outcome(*peer.returned(question)), "ok");
  }
  std::string reasonFor(test::RawVat& peer, uint32_t question, const std::string& id) {
    restore(peer, question, id);
    return outcome(*peer.returned(question));
  }

  store::UnixTime now_{std::chrono::seconds(1000)};
  test::TestStore store_{[this](std::function<void()> f) { loop_.post(std::move(f)); },
                         [this] { return now_; }};
  FakeSource source_{hub_};
  StoreHealth health_;
  StoredRefs stored_;
};

}  // namespace vatmesh::restore
