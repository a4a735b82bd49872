// SPDX-License-Identifier: Apache-2.0
//
// interop-server does what interop.capnp says with the stock two-party library, so that recordings
// of the OCaml library's service can be played against it. Listens at HOST:PORT.

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/debug.h>

#include "interop.capnp.h"

namespace interop {
namespace {

constexpr uint64_t kPersistent = 0xc8cb212fcd9f5691;

class CounterServer final : public Counter::Server {
 public:
  explicit CounterServer(uint64_t start) : next_(start) {}
  kj::Promise<void> next(NextContext context) override {
    context.getResults().setValue(next_++);
    return kj::READY_NOW;
  }

 private:
  uint64_t next_;
};

// Persistent by hand: `save` gives a text that names the label.
class ItemServer final : public Item::Server {
 public:
  explicit ItemServer(kj::StringPtr label) : label_(kj::str(label)) {}
  kj::Promise<void> describe(DescribeContext context) override {
    context.getResults().setLabel(label_);
    return kj::READY_NOW;
  }
  DispatchCallResult dispatchCall(
      uint64_t interface, uint16_t method,
      capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context) override {
    if (interface != kPersistent) return Item::Server::dispatchCall(interface, method, context);
    if (method != 0) KJ_UNIMPLEMENTED("Unknown persistence method", method);
    auto results = context.getResults().initAsAnyStruct(0, 1);
    results.getPointerSection()[0].setAs<capnp::Text>(kj::str("capnp://insecure@saved:1/", label_));
    return {kj::READY_NOW, false};
  }

 private:
  kj::String label_;
};

class InteropServer final : public Interop::Server {
 public:
  explicit InteropServer(kj::Timer& timer) : timer_(timer) {}

  kj::Promise<void> ping(PingContext context) override {
    ++calls_;
    context.getResults().setReply(kj::str("pong:", context.getParams().getMsg()));
    return kj::READY_NOW;
  }
  kj::Promise<void> echoData(EchoDataContext context) override {
    ++calls_;
    context.getResults().setData(context.getParams().getData());
    return kj::READY_NOW;
  }
  kj::Promise<void> notify(NotifyContext context) override {
    ++calls_;
    const uint32_t count = context.getParams().getCount();
    context.getResults().initAcks(count);
    return notifyFrom(context, 0, count);
  }
  kj::Promise<void> makeCounter(MakeCounterContext context) override {
    ++calls_;
    context.getResults().setCounter(counter(context.getParams().getStart()));
    return kj::READY_NOW;
  }
  kj::Promise<void> makeCounterLater(MakeCounterLaterContext context) override {
    ++calls_;
    return after(context.getParams().getDelayMs()).then([context]() mutable {
      context.getResults().setCounter(counter(context.getParams().getStart()));
    });
  }
  kj::Promise<void> promiseCounter(PromiseCounterContext context) override {
    ++calls_;
    const uint64_t start = context.getParams().getStart();
    context.getResults().setCounter(
        after(context.getParams().getDelayMs()).then([start]() { return counter(start); }));
    return kj::READY_NOW;
  }
  kj::Promise<void> echoCallback(EchoCallbackContext context) override {
    ++calls_;
    context.getResults().setCb(context.getParams().getCb());
    return kj::READY_NOW;
  }
  kj::Promise<void> promiseCallback(PromiseCallbackContext context) override {
    ++calls_;
    Callback::Client callback = context.getParams().getCb();
    context.getResults().setCb(after(context.getParams().getDelayMs()).then([callback]() mutable {
      return kj::mv(callback);
    }));
    return kj::READY_NOW;
  }
  kj::Promise<void> fail(FailContext context) override {
    ++calls_;
    const auto type = static_cast<kj::Exception::Type>(context.getParams().getKind() & 3);
    return kj::Exception(type, __FILE__, __LINE__, kj::str(context.getParams().getReason()));
  }
  kj::Promise<void> sleep(SleepContext context) override {
    ++calls_;
    return after(context.getParams().getMs()).then([this]() { ++slept_; });
  }
  kj::Promise<void> makeItem(MakeItemContext context) override {
    ++calls_;
    context.getResults().setItem(kj::heap<ItemServer>(context.getParams().getLabel()));
    return kj::READY_NOW;
  }
  kj::Promise<void> breakPromise(BreakPromiseContext context) override {
    ++calls_;
    auto reason = kj::str(context.getParams().getReason());
    context.getResults().setCounter(
        after(context.getParams().getDelayMs())
            .then([reason = kj::mv(reason)]() -> Counter::Client {
              kj::throwFatalException(
                  kj::Exception(kj::Exception::Type::FAILED, __FILE__, __LINE__, kj::str(reason)));
            }));
    return kj::READY_NOW;
  }
  kj::Promise<void> hold(HoldContext context) override {
    ++calls_;
    held_ = context.getParams().getCb();
    return kj::READY_NOW;
  }
  kj::Promise<void> callHeld(CallHeldContext context) override {
    ++calls_;
    KJ_IF_MAYBE (callback, held_) {
      auto request = callback->notifyRequest();
      request.setMsg(context.getParams().getMsg());
      return request.send().then(
          [context](auto&& answer) mutable { context.getResults().setAck(answer.getAck()); });
    }
    KJ_FAIL_REQUIRE("nothing is held");
  }
  kj::Promise<void> drop(DropContext) override {
    ++calls_;
    held_ = nullptr;
    return kj::READY_NOW;
  }
  kj::Promise<void> nullCap(NullCapContext context) override {
    ++calls_;
    context.getResults();
    return kj::READY_NOW;
  }
  kj::Promise<void> stats(StatsContext context) override {
    auto results = context.getResults();
    results.setCalls(++calls_);
    results.setSlept(slept_);
    return kj::READY_NOW;
  }

 private:
  static Counter::Client counter(uint64_t start) { return kj::heap<CounterServer>(start); }
  kj::Promise<void> after(uint32_t ms) { return timer_.afterDelay(ms * kj::MILLISECONDS); }

  kj::Promise<void> notifyFrom(NotifyContext context, uint32_t seq, uint32_t count) {
    if (seq == count) return kj::READY_NOW;
    auto request = context.getParams().getCb().notifyRequest();
    request.setMsg(context.getParams().getMsg());
    request.setSeq(seq);
    return request.send().then([this, context, seq, count](auto&& answer) mutable {
      context.getResults().getAcks().set(seq, answer.getAck());
      return notifyFrom(context, seq + 1, count);
    });
  }

  kj::Timer& timer_;
  kj::Maybe<Callback::Client> held_;
  uint32_t calls_ = 0;
  uint32_t slept_ = 0;
};

}  // namespace
}  // namespace interop

int main(int argc, char** argv) {
  signal(SIGTERM, [](int) { _exit(0); });
  if (argc != 2) {
    fprintf(stderr, "usage: %s HOST:PORT\n", argv[0]);
    return 64;
  }
  auto io = kj::setupAsyncIo();
  capnp::TwoPartyServer server(kj::heap<interop::InteropServer>(io.provider->getTimer()));
  auto address = io.provider->getNetwork().parseAddress(argv[1]).wait(io.waitScope);
  auto listener = address->listen();
  printf("listening on %s port %u\n", argv[1], listener->getPort());
  fflush(stdout);
  server.listen(*listener).wait(io.waitScope);
}
