// SPDX-License-Identifier: Apache-2.0
//
// Several may want one object before the application has answered. Each makes a call on Waiting, an
// object of this vat, which answers them all when the application has: so each can use the object
// at once, and still hears in its own answer how it went.
#include "sidecar/restore/application_calls.h"

#include <optional>
#include <vector>

namespace vatmesh::restore {

using schema::ApplicationInterface;

// One request to an application.
class ApplicationCalls::Asked {
 public:
  captp::Capability object;  // can be called before it is there
  captp::Capability waiter;  // a Waiting; null once there is an outcome

  const std::optional<Status>& outcome() const { return outcome_; }
  void listen(Told told) { told_.push_back(std::move(told)); }
  void await(vat::Responder responder) {
    if (outcome_) return answer(std::move(responder));
    waiting_.push_back(std::move(responder));
  }
  void settle(Status outcome) {
    outcome_ = std::move(outcome);
    waiter = {};
    for (Told& told : std::exchange(told_, {})) told(*outcome_);
    for (vat::Responder& responder : std::exchange(waiting_, {})) answer(std::move(responder));
  }

 private:
  void answer(vat::Responder responder) {
    if (outcome_->ok()) {
      responder.answer(vat::Content());
    } else {
      responder.fail(*outcome_);
    }
  }

  std::optional<Status> outcome_;
  std::vector<Told> told_;
  std::vector<vat::Responder> waiting_;
};

class ApplicationCalls::Waiting : public vat::LocalObject {
 public:
  explicit Waiting(AskedPtr asked) : asked_(std::move(asked)) {}
  void call(vat::CallView, vat::Responder responder) override {
    asked_->await(std::move(responder));
  }

 private:
  AskedPtr asked_;
};

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
  served_[link::linkKey(app_link)] = std::move(application);
  hub_.makeGateway(app_link);
}

bool ApplicationCalls::serves(captp::LinkId app_link) const {
  return served_.contains(link::linkKey(app_link));
}

vat::Restored ApplicationCalls::bootstrap(captp::LinkId app_link, const link::Link& peer,
                                          Told told) {
  const auto key = std::pair(link::linkKey(peer.id()), link::linkKey(app_link));
  const auto known = objects_of_peers_.find(key);
  if (known != objects_of_peers_.end()) return use(*known->second, std::move(told));
  AskedPtr asked = ask(application(app_link), ApplicationInterface::kBootstrap,
                       schema::write(schema::BootstrapParams{.peer = describe(peer)}, hub_.pool()));
  // A failure is that of those who waited for it; the next one asks again.
  asked->listen([this, key](const Status& outcome) {
    if (!outcome.ok()) objects_of_peers_.erase(key);
  });
  objects_of_peers_.emplace(key, asked);
  return use(*asked, std::move(told));
}

Result<vat::Restored> ApplicationCalls::restore(captp::LinkId app_link,
                                                const std::string& object_ref,
                                                const link::Link& peer, Told told) {
  Result<wire::InMessage> params =
      schema::write(schema::RestoreParams{.ref = object_ref, .peer = describe(peer)}, hub_.pool());
  if (!params.ok()) return params.status();
  const AskedPtr asked =
      ask(application(app_link), ApplicationInterface::kRestore, std::move(*params));
  return use(*asked, std::move(told));
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
  vat::PendingCall call = hub_.objects().call(
      application,
      {.interface_id = ApplicationInterface::kId,
       .method_id = method,
       .params = {std::move(params), {}}},
      [asked](const Result<vat::Content>& results) { asked->settle(outcomeOf(results)); });
  asked->object = call.pipelined(kObject);
  call.detach();
  asked->waiter = hub_.objects().add(std::make_unique<Waiting>(asked));
  return asked;
}

vat::Restored ApplicationCalls::use(Asked& asked, Told told) {
  if (asked.outcome()) {
    told(*asked.outcome());
    return {.capability = asked.object.clone(), .awaits = {}};
  }
  asked.listen(std::move(told));
  vat::PendingCall wait = hub_.objects().call(asked.waiter, {}, nullptr);
  return {.capability = asked.object.clone(), .awaits = wait.handOver()};
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
