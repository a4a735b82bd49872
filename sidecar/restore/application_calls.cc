// SPDX-License-Identifier: Apache-2.0
//
// Several may want one object before the application has answered. Each makes a call on a Waiting,
// an object of this vat, which answers when the application has: so each can use the object at
// once, and still hears in its own answer how it went. It goes with that call: who leaves costs
// nothing.
#include "sidecar/restore/application_calls.h"

#include <optional>
#include <set>

namespace vatmesh::restore {

using schema::ApplicationInterface;

// One request to an application; canceled when nobody holds it before it was answered.
class ApplicationCalls::Asked {
 public:
  captp::Capability object;  // can be called before it is there
  vat::PendingCall call;
  std::function<void()> failed;   // once, when there is no object
  std::set<Waiting*> waiting;     // for the outcome
  std::optional<Status> outcome;  // ok, or why there is no object

  void settle(Status how);
};

// One who waits for a request, from its call on this on.
class ApplicationCalls::Waiting : public vat::LocalObject {
 public:
  Waiting(AskedPtr asked, Told told) : asked_(std::move(asked)), told_(std::move(told)) {}
  ~Waiting() override { asked_->waiting.erase(this); }

  void call(vat::CallView, vat::Responder responder) override {
    responder_ = std::move(responder);
    if (asked_->outcome) return answer(*asked_->outcome);
    asked_->waiting.insert(this);
  }
  void answer(const Status& outcome) {
    told_(outcome);
    if (outcome.ok()) {
      responder_->answer(vat::Content());
    } else {
      responder_->fail(outcome);
    }
  }

 private:
  const AskedPtr asked_;
  const Told told_;
  std::optional<vat::Responder> responder_;
};

void ApplicationCalls::Asked::settle(Status how) {
  outcome = std::move(how);
  call.detach();
  if (!outcome->ok()) failed();
  for (Waiting* each : std::exchange(waiting, {})) each->answer(*outcome);
}

namespace {

schema::Peer describe(const link::Link& peer) {
  return {.fingerprint = peer.peerFingerprint(), .address = peer.spec().name};
}

// Ok when there is an object in them.
Status outcomeOf(const Result<vat::Content>& results) {
  if (!results.ok()) {
    if (results.status().code() != Code::kUnimplemented) return results.status();
    return {Code::kUnimplemented,
            "the application does not implement Application (0xfb89c77980aac403)"};
  }
  const schema::CapabilityIndex index = schema::readCapabilityResults(results->message).capability;
  if (index && *index < results->capabilities.size() && results->capabilities[*index]) {
    return Status();
  }
  return {Code::kFailed, "the application has no such object"};
}

}  // namespace

ApplicationCalls::~ApplicationCalls() {
  served_.clear();
  bootstraps_.clear();
  objects_of_peers_.clear();
  hub_.objects().settle();
}

void ApplicationCalls::serve(captp::LinkId app_link, captp::Capability application) {
  dropDead();
  const Key key = link::linkKey(app_link);
  served_[key] = std::move(application);
  // What peers have of the one before, they keep; what they ask from now on is this one's.
  std::erase_if(objects_of_peers_, [key](const auto& each) { return each.first.second == key; });
  hub_.makeGateway(app_link);
}

bool ApplicationCalls::serves(captp::LinkId app_link) const {
  return served_.contains(link::linkKey(app_link));
}

vat::Restored ApplicationCalls::bootstrap(captp::LinkId app_link, const link::Link& peer,
                                          Told told) {
  const auto key = std::pair(link::linkKey(peer.id()), link::linkKey(app_link));
  if (const auto known = objects_of_peers_.find(key); known != objects_of_peers_.end()) {
    const AskedPtr& asked = known->second;
    if (!asked->outcome || !hub_.vat().isBroken(asked->object)) return use(asked, std::move(told));
  }
  AskedPtr asked = ask(application(app_link), ApplicationInterface::kBootstrap,
                       schema::write(schema::BootstrapParams{.peer = describe(peer)}, hub_.pool()));
  // A failure is that of those who waited for it; the next one asks again.
  asked->failed = [this, key, failed = asked.get()] {
    const auto known = objects_of_peers_.find(key);
    if (known != objects_of_peers_.end() && known->second.get() == failed) {
      objects_of_peers_.erase(known);
    }
  };
  objects_of_peers_[key] = asked;
  return use(asked, std::move(told));
}

Result<vat::Restored> ApplicationCalls::restore(captp::LinkId app_link,
                                                const std::string& object_ref,
                                                const link::Link& peer, Told told) {
  Result<wire::InMessage> params =
      schema::write(schema::RestoreParams{.ref = object_ref, .peer = describe(peer)}, hub_.pool());
  if (!params.ok()) return params.status();
  const AskedPtr asked =
      ask(application(app_link), ApplicationInterface::kRestore, std::move(*params));
  return use(asked, std::move(told));
}

Result<vat::PendingCall> ApplicationCalls::restoreShared(
    captp::LinkId app_link, const std::string& object_ref, const link::Link& peer,
    std::function<void(Result<captp::Capability>)> done) {
  Result<wire::InMessage> params =
      schema::write(schema::RestoreParams{.ref = object_ref, .peer = describe(peer)}, hub_.pool());
  if (!params.ok()) return params.status();
  return hub_.objects().call(application(app_link),
                             {.interface_id = ApplicationInterface::kId,
                              .method_id = ApplicationInterface::kRestore,
                              .params = {std::move(*params), {}}},
                             [done = std::move(done)](Result<vat::Content> results) {
                               const Status outcome = outcomeOf(results);
                               if (!outcome.ok()) return done(outcome);
                               const auto index =
                                   schema::readCapabilityResults(results->message).capability;
                               done(std::move(results->capabilities[*index]));
                             });
}

void ApplicationCalls::peerGone(captp::LinkId peer) {
  const Key key = link::linkKey(peer);
  const auto first = objects_of_peers_.lower_bound({key, 0});
  const auto behind = objects_of_peers_.upper_bound({key, ~Key{0}});
  if (first == behind) return;
  objects_of_peers_.erase(first, behind);
  hub_.objects().settle();
}

const captp::Capability& ApplicationCalls::application(captp::LinkId app_link) {
  const Key key = link::linkKey(app_link);
  const auto served = served_.find(key);
  if (served != served_.end()) return served->second;
  const auto known = bootstraps_.find(key);
  if (known != bootstraps_.end()) return known->second;
  dropDead();
  vat::PendingCall call = hub_.objects().bootstrap(app_link, {}, nullptr);
  captp::Capability& capability = bootstraps_[key];
  capability = call.pipelined({});
  call.detach();
  return capability;
}

ApplicationCalls::AskedPtr ApplicationCalls::ask(const captp::Capability& application,
                                                 uint16_t method, wire::InMessage params) {
  static constexpr uint16_t kObject[] = {0};
  auto asked = std::make_shared<Asked>();
  asked->failed = [] {};
  asked->call = hub_.objects().call(
      application,
      {.interface_id = ApplicationInterface::kId,
       .method_id = method,
       .params = {std::move(params), {}}},
      [weak = std::weak_ptr<Asked>(asked)](const Result<vat::Content>& results) {
        if (const AskedPtr still = weak.lock()) still->settle(outcomeOf(results));
      });
  asked->object = asked->call.pipelined(kObject);
  return asked;
}

vat::Restored ApplicationCalls::use(const AskedPtr& asked, Told told) {
  if (asked->outcome) {
    told(*asked->outcome);
    return {.capability = asked->object.clone(), .awaits = {}};
  }
  const captp::Capability waiting =
      hub_.objects().add(std::make_unique<Waiting>(asked, std::move(told)));
  vat::PendingCall wait = hub_.objects().call(waiting, {}, nullptr);
  return {.capability = asked->object.clone(), .awaits = wait.handOver()};
}

// Forgets what was known of application links that are gone.
void ApplicationCalls::dropDead() {
  const auto dead = [this](Key key) { return hub_.find(link::linkOfKey(key)) == nullptr; };
  std::erase_if(served_, [&](const auto& each) { return dead(each.first); });
  std::erase_if(bootstraps_, [&](const auto& each) { return dead(each.first); });
  std::erase_if(objects_of_peers_, [&](const auto& each) { return dead(each.first.second); });
  hub_.objects().settle();
}

}  // namespace vatmesh::restore
