// SPDX-License-Identifier: Apache-2.0
//
// One dial at a time; the log tells only of changes.
#include "sidecar/link/app_probe.h"

namespace vatmesh::link {
namespace {

// How long a dying process may keep its listening socket.
constexpr Duration kLastBreath = std::chrono::seconds(1);

}  // namespace

AppProbe::AppProbe(Hub& hub, net::Dialer& dialer, Entropy& entropy, net::Address address,
                   net::DialOptions options, std::function<void(const Status&)> report)
    : hub_(hub),
      dialer_(dialer),
      address_(std::move(address)),
      options_(std::move(options)),
      backoff_(entropy),
      report_(std::move(report)),
      retry_(hub.loop(), [this] {
        ++hub_.counters().app_link_reconnects;
        check();
      }) {}

void AppProbe::check() {
  if (dial_ || retry_.armed()) return;
  dial_ =
      dialer_.dial(address_, options_, [this](Result<event::Fd> fd) { dialled(std::move(fd)); });
}

void AppProbe::dialled(Result<event::Fd> fd) {
  dial_.reset();
  if (!fd.ok()) return failed(fd.status());
  const bool look_again = std::exchange(look_again_, false);
  succeeded();
  if (look_again) retry_.arm(kLastBreath);
}

void AppProbe::lost() {
  look_again_ = true;
  check();
}

void AppProbe::succeeded() {
  dial_.reset();
  retry_.cancel();
  backoff_.reset();
  if (std::exchange(told_, Told::kThere) != Told::kThere) {
    hub_.log().info("app", "application at " + address_.toString() + " can be reached");
  }
  report_(Status());
}

void AppProbe::failed(const Status& why) {
  if (std::exchange(told_, Told::kGone) != Told::kGone) {
    hub_.log().warning("app", why.message() + "; trying again");
  }
  if (!dial_ && !retry_.armed()) retry_.arm(backoff_.next());
  report_(why);
}

}  // namespace vatmesh::link
