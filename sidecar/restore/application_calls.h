// SPDX-License-Identifier: Apache-2.0
//
// ApplicationCalls asks applications for objects through `Application` of vatmesh.capnp: the object
// that a peer finds behind exports, and objects by the application's own names. What is asked for
// can be called at once; the requester's own answer waits for that of the application.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "rpc/base/status.h"
#include "rpc/schema/control.h"
#include "rpc/vat/objects.h"
#include "sidecar/link/hub.h"

namespace vatmesh::restore {

class ApplicationCalls {
 public:
  // Told once what became of a request: ok, or why there is no object. Not told where who asked
  // left before; with the last of them, the request is canceled.
  using Told = std::function<void(const Status&)>;

  // `hub` outlives it.
  explicit ApplicationCalls(link::Hub& hub) : hub_(hub) {}
  ~ApplicationCalls();
  ApplicationCalls(const ApplicationCalls&) = delete;
  ApplicationCalls& operator=(const ApplicationCalls&) = delete;

  // The program at the other end of `app_link` called Sidecar.serve. Asked from now on; without it,
  // the link's bootstrap is.
  void serve(captp::LinkId app_link, captp::Capability application);
  bool serves(captp::LinkId app_link) const;
  bool anyServes() const { return !served_.empty(); }

  // What exports without a ref serve to `peer`; the application is asked once for each peer link,
  // and again when it has failed, when what it gave is broken, or when it served another one.
  vat::Restored bootstrap(captp::LinkId app_link, const link::Link& peer, Told told);

  // What the application calls `object_ref`. kCorrupt when that is no object ref; `told` hears
  // nothing then.
  Result<vat::Restored> restore(captp::LinkId app_link, const std::string& object_ref,
                                const link::Link& peer, Told told);

  // The same for whoever gives it to several: `done` gets the object when the application has
  // answered, unless the call is destroyed before.
  Result<vat::PendingCall> restoreShared(captp::LinkId app_link, const std::string& object_ref,
                                         const link::Link& peer,
                                         std::function<void(Result<captp::Capability>)> done);

  // `peer` is down: what was asked for it is dropped.
  void peerGone(captp::LinkId peer);

 private:
  class Asked;
  class Waiting;
  using AskedPtr = std::shared_ptr<Asked>;
  using Key = uint64_t;  // of a link

  const captp::Capability& application(captp::LinkId app_link);
  AskedPtr ask(const captp::Capability& application, uint16_t method, wire::InMessage params);
  vat::Restored use(const AskedPtr& asked, Told told);
  void dropDead();

  link::Hub& hub_;
  std::map<Key, captp::Capability> served_;
  std::map<Key, captp::Capability> bootstraps_;               // of application links
  std::map<std::pair<Key, Key>, AskedPtr> objects_of_peers_;  // by peer and application link
};

}  // namespace vatmesh::restore
