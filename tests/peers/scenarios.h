// SPDX-License-Identifier: Apache-2.0
//
// The scenarios of probe-client. Each gets a Session with a fresh connection and reports a failure
// by throwing (KJ_REQUIRE), as programs of the stock library do.
#pragma once

#include <string.h>

#include <functional>
#include <vector>

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/debug.h>

#include "item.h"
#include "probe.capnp.h"

namespace probe {

// Connection is a two-party link to the server and its bootstrap.
struct Connection {
  kj::Own<kj::AsyncIoStream> stream;
  kj::Own<capnp::TwoPartyClient> client;
  Probe::Client probe;
};

// Session is what a scenario works with. `probe` belongs to its main connection.
class Session {
 public:
  Session(kj::AsyncIoContext& io, kj::StringPtr address, kj::StringPtr second, uint32_t count);

  kj::Own<Connection> connect(kj::StringPtr address);
  kj::Own<Connection> connect() { return connect(address_); }
  // A connection to the address of --second, by default the same as the first.
  kj::Own<Connection> connectSecond() { return connect(second_); }

  // Waits for `promise`.
  template <typename Promise>
  auto wait(Promise&& promise) {
    return promise.wait(scope);
  }
  // Calls `check` after round trips to the server until it is true. The alarm bounds it.
  void until(std::function<bool(Stats::Reader)> check);
  // As until(), but through `other`.
  void until(Probe::Client& other, std::function<bool(Stats::Reader)> check);
  // The server's numbers now.
  struct Numbers {
    uint32_t items, running, cancelled, streamed_chunks;
    uint64_t streamed_bytes;
  };
  Numbers numbers();
  // As numbers(), once nothing is left there of connections that were closed before.
  Numbers quiet();

  kj::WaitScope& scope;
  Population items;
  kj::Own<Connection> main;
  Probe::Client probe;
  uint32_t count;  // how many calls `bulk` makes

 private:
  kj::AsyncIoContext& io_;
  kj::StringPtr address_;
  kj::StringPtr second_;
};

struct Scenario {
  const char* name;
  void (*run)(Session&);
  // False: only when it is named, not with `all`.
  bool in_all = true;
};

std::vector<Scenario> basicScenarios();
std::vector<Scenario> capabilityScenarios();
std::vector<Scenario> promiseScenarios();
std::vector<Scenario> endScenarios();

// `data` of `size` bytes that depends on `seed`.
kj::Array<kj::byte> pattern(size_t size, uint32_t seed);

// Starts item.next(number).
kj::Promise<capnp::Response<Answer>> next(Item::Client item, uint32_t number);

// Requires that `promise` fails, and gives back the exception.
template <typename T>
kj::Exception mustFail(Session& session, kj::Promise<T>&& promise) {
  KJ_IF_MAYBE (exception, kj::runCatchingExceptions([&] { promise.wait(session.scope); })) {
    return kj::mv(*exception);
  }
  KJ_FAIL_REQUIRE("the call should have failed");
}

// Requires that `promise` fails with `type` and a text that contains `part`.
template <typename T>
void mustFailWith(Session& session, kj::Promise<T>&& promise, kj::Exception::Type type,
                  kj::StringPtr part = "") {
  auto exception = mustFail(session, kj::mv(promise));
  KJ_REQUIRE(exception.getType() == type, exception);
  KJ_REQUIRE(strstr(exception.getDescription().cStr(), part.cStr()) != nullptr, exception, part);
}

}  // namespace probe
