// SPDX-License-Identifier: Apache-2.0
//
// RestoreFixture is a Hub whose peers restore from exports, for tests of what they get.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rpc/vat/local_object.h"
#include "sidecar/restore/exports.h"
#include "tests/fakes/hub_fixture.h"

namespace vatmesh::restore {

// Answers every call with nothing, and tells when it is gone.
class Answering : public vat::LocalObject {
 public:
  explicit Answering(bool& destroyed) : destroyed_(destroyed) {}
  ~Answering() override { destroyed_ = true; }
  void call(vat::CallView, vat::Responder responder) override { responder.answer(vat::Content()); }

 private:
  bool& destroyed_;
};

// Gives everybody the same link, or the same error.
class FakeApplication : public link::Application {
 public:
  explicit FakeApplication(Result<captp::LinkId> answer) : answer_(std::move(answer)) {}
  void start() override {}
  void linkFor(captp::LinkId, Done done) override { done(answer_); }
  void peerGone(captp::LinkId peer) override { gone.push_back(peer); }

  std::vector<captp::LinkId> gone;

 private:
  Result<captp::LinkId> answer_;
};

class RestoreFixture : public test::HubFixture {
 protected:
  // Passes what peers ask to the exports.
  class Peers : public link::LinkOwner {
   public:
    explicit Peers(Exports& exports) : exports_(exports) {}
    void onDown(link::Link& link, const Status&) override { exports_.peerGone(link.id()); }
    void onRestore(link::Link& link, captp::OpId op, const std::string& id) override {
      exports_.restore(link, op, id);
    }
    void onCancel(captp::OpId op) override { exports_.cancel(op); }

   private:
    Exports& exports_;
  };

  std::unique_ptr<test::RawVat> peer() { return connect(captp::LinkKind::kPeer, peers_); }
  // Has `peer` restore `id` by the question `question`; waits for the Return.
  void restore(test::RawVat& peer, uint32_t question, const std::string& id) {
    peer.bootstrap(question, id);
    until([&] { return peer.returned(question) != nullptr; });
  }
  // How the call of object `import` ends: the text of the exception, or "ok".
  std::string call(test::RawVat& peer, uint32_t question, uint32_t import) {
    peer.call(question, import);
    until([&] { return peer.returned(question) != nullptr; });
    return outcome(*peer.returned(question));
  }
  static std::string outcome(const wire::Envelope& returned) {
    return returned.return_kind == wire::ReturnKind::kException ? returned.exception.reason : "ok";
  }
  uint64_t count(metrics::RestoreResult result) const {
    return counters_.restores[metrics::at(result)];
  }
  captp::Capability object() { return hub_.objects().add(std::make_unique<Answering>(destroyed_)); }

  bool destroyed_ = false;
  Grants grants_{hub_};
  ApplicationCalls calls_{hub_};
  Exports exports_{hub_, grants_, calls_};
  Peers peers_{exports_};
};

}  // namespace vatmesh::restore
