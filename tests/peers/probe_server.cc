// SPDX-License-Identifier: Apache-2.0
//
// probe-server offers Probe with the stock two-party library and nothing of vatmesh, at
// HOST:PORT, unix:PATH, unix-abstract:NAME, or on the inherited descriptor that VATMESH_FD names.
// All connections share one object, so that what one client left another can fetch.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <deque>

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/debug.h>
#include <kj/io.h>

#include "item.h"
#include "probe.capnp.h"

namespace probe {
namespace {

// Counts a call of wait() as cancelled when it is destroyed, since it never ends otherwise.
struct Waiting {
  explicit Waiting(uint32_t& running, uint32_t& cancelled)
      : running_(running), cancelled_(cancelled) {
    ++running_;
  }
  ~Waiting() {
    --running_;
    ++cancelled_;
  }
  KJ_DISALLOW_COPY(Waiting);
  uint32_t& running_;
  uint32_t& cancelled_;
};

class ProbeServer final : public Probe::Server {
 public:
  kj::Promise<void> echo(EchoContext context) override {
    auto params = context.getParams();
    auto results = context.getResults();
    results.setNumber(params.getNumber());
    results.setText(params.getText());
    return kj::READY_NOW;
  }

  kj::Promise<void> rows(RowsContext context) override {
    uint32_t count = context.getParams().getCount();
    auto rows = context.getResults().initRows(count);
    for (uint32_t i = 0; i < count; ++i) {
      rows[i].setId(i);
      rows[i].setName(kj::str("row ", i));
      rows[i].setValues({i, i + 1, i + 2});
    }
    return kj::READY_NOW;
  }

  kj::Promise<void> countRows(CountRowsContext context) override {
    uint64_t sum = 0;
    auto rows = context.getParams().getRows();
    for (auto row : rows) {
      sum += row.getId();
      for (auto value : row.getValues()) sum += value;
    }
    context.getResults().setCount(rows.size());
    context.getResults().setSum(sum);
    return kj::READY_NOW;
  }

  kj::Promise<void> blob(BlobContext context) override {
    context.getResults().setData(context.getParams().getData());
    return kj::READY_NOW;
  }

  kj::Promise<void> item(ItemContext context) override {
    auto box = context.getResults().initBox();
    box.setLabel("box");
    box.setItem(items_.make());
    return kj::READY_NOW;
  }

  kj::Promise<void> many(ManyContext context) override {
    uint32_t count = context.getParams().getCount();
    auto items = context.getResults().initItems(count);
    for (uint32_t i = 0; i < count; ++i) items.set(i, items_.make());
    return kj::READY_NOW;
  }

  kj::Promise<void> use(UseContext context) override {
    auto request = context.getParams().getItem().nextRequest();
    request.setNumber(context.getParams().getNumber());
    return request.send().then([context](capnp::Response<Answer>&& answer) mutable {
      context.getResults().setNumber(answer.getNumber());
      context.getResults().setPosition(answer.getPosition());
    });
  }

  kj::Promise<void> isMine(IsMineContext context) override {
    auto item = context.getParams().getItem();
    return items_.set.getLocalServer(item).then(
        [context, keep = kj::cp(item)](kj::Maybe<Item::Server&> found) mutable {
          context.getResults().setMine(found != nullptr);
        });
  }

  kj::Promise<void> callBack(CallBackContext context) override {
    uint32_t times = context.getParams().getTimes();
    auto calls = kj::heapArrayBuilder<kj::Promise<uint32_t>>(times);
    for (uint32_t i = 0; i < times; ++i) {
      auto request = context.getParams().getItem().nextRequest();
      request.setNumber(i);
      calls.add(request.send().then(
          [](capnp::Response<Answer>&& answer) { return answer.getPosition(); }));
    }
    return kj::joinPromises(calls.finish()).then([context](kj::Array<uint32_t> positions) mutable {
      context.getResults().setAnswers(positions.asPtr().asConst());
    });
  }

  kj::Promise<void> hold(HoldContext context) override {
    held_ = context.getParams().getItem();
    return kj::READY_NOW;
  }

  kj::Promise<void> held(HeldContext context) override {
    KJ_IF_MAYBE (item, held_) {
      context.getResults().setItem(*item);
    } else {
      KJ_FAIL_REQUIRE("nothing is held");
    }
    return kj::READY_NOW;
  }

  kj::Promise<void> drop(DropContext context) override {
    held_ = nullptr;
    return kj::READY_NOW;
  }

  kj::Promise<void> reflect(ReflectContext context) override {
    if (context.getParams().hasItem()) {
      context.getResults().setItem(context.getParams().getItem());
    }
    return kj::READY_NOW;
  }

  kj::Promise<void> reflectLater(ReflectLaterContext context) override {
    auto paf = kj::newPromiseAndFulfiller<void>();
    late_.push_back(kj::mv(paf.fulfiller));
    return paf.promise.then(
        [context]() mutable { context.getResults().setItem(context.getParams().getItem()); });
  }

  kj::Promise<void> promise(PromiseContext context) override {
    auto paf = kj::newPromiseAndFulfiller<Item::Client>();
    promised_.push_back(kj::mv(paf.fulfiller));
    context.getResults().setItem(kj::mv(paf.promise));
    return kj::READY_NOW;
  }

  kj::Promise<void> settle(SettleContext context) override {
    if (!late_.empty()) {
      late_.front()->fulfill();
      late_.pop_front();
      return kj::READY_NOW;
    }
    KJ_REQUIRE(!promised_.empty(), "nothing to settle");
    auto params = context.getParams();
    promised_.front()->fulfill(params.hasItem() ? params.getItem() : items_.make());
    promised_.pop_front();
    return kj::READY_NOW;
  }

  kj::Promise<void> breakPromise(BreakPromiseContext context) override {
    KJ_REQUIRE(!promised_.empty(), "nothing to break");
    promised_.front()->reject(kj::Exception(kj::Exception::Type::FAILED, __FILE__, __LINE__,
                                            kj::str(context.getParams().getReason())));
    promised_.pop_front();
    return kj::READY_NOW;
  }

  kj::Promise<void> tail(TailContext context) override {
    auto request = context.getParams().getItem().nextRequest();
    request.setNumber(context.getParams().getNumber());
    return context.tailCall(kj::mv(request));
  }

  kj::Promise<void> fail(FailContext context) override {
    auto type = static_cast<kj::Exception::Type>(context.getParams().getKind());
    return kj::Exception(type, __FILE__, __LINE__, kj::str(context.getParams().getReason()));
  }

  kj::Promise<void> wait(WaitContext context) override {
    context.allowCancellation();
    return kj::Promise<void>(kj::NEVER_DONE).attach(kj::heap<Waiting>(running_, cancelled_));
  }

  kj::Promise<void> stats(StatsContext context) override {
    auto stats = context.getResults().initStats();
    stats.setItems(items_.alive);
    stats.setRunning(running_);
    stats.setCancelled(cancelled_);
    stats.setStreamedBytes(streamed_bytes_);
    stats.setStreamedChunks(streamed_chunks_);
    return kj::READY_NOW;
  }

  kj::Promise<void> chunk(ChunkContext context) override {
    streamed_bytes_ += context.getParams().getData().size();
    ++streamed_chunks_;
    return kj::READY_NOW;
  }

  kj::Promise<void> die(DieContext) override { _exit(3); }

 private:
  Population items_;
  uint32_t running_ = 0;
  uint32_t cancelled_ = 0;
  uint64_t streamed_bytes_ = 0;
  uint32_t streamed_chunks_ = 0;
  kj::Maybe<Item::Client> held_;
  std::deque<kj::Own<kj::PromiseFulfiller<void>>> late_;
  std::deque<kj::Own<kj::PromiseFulfiller<Item::Client>>> promised_;
};

void serveDescriptor(kj::AsyncIoContext& io, int descriptor) {
  capnp::TwoPartyServer server(kj::heap<ProbeServer>());
  auto stream = io.lowLevelProvider->wrapSocketFd(kj::AutoCloseFd(descriptor),
                                                  kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC);
  puts("serving an inherited descriptor");
  fflush(stdout);
  server.accept(*stream).wait(io.waitScope);
}

void serveAddress(kj::AsyncIoContext& io, const char* address) {
  if (strncmp(address, "unix:", 5) == 0) unlink(address + 5);
  capnp::TwoPartyServer server(kj::heap<ProbeServer>());
  auto parsed = io.provider->getNetwork().parseAddress(address).wait(io.waitScope);
  auto listener = parsed->listen();
  uint port = strncmp(address, "unix", 4) == 0 ? 0 : listener->getPort();
  printf("listening on %s port %u\n", address, port);
  fflush(stdout);
  server.listen(*listener).wait(io.waitScope);
}

}  // namespace
}  // namespace probe

int main(int argc, char** argv) {
  // A supervisor's SIGTERM is a wish to end, not an accident.
  signal(SIGTERM, [](int) { _exit(0); });
  auto io = kj::setupAsyncIo();
  const char* descriptor = getenv("VATMESH_FD");
  if (argc == 2) {
    probe::serveAddress(io, argv[1]);
  } else if (argc == 1 && descriptor != nullptr) {
    probe::serveDescriptor(io, atoi(descriptor));
  } else {
    fprintf(stderr, "usage: %s HOST:PORT | unix:PATH | unix-abstract:NAME (or VATMESH_FD=N)\n",
            argv[0]);
    return 64;
  }
  return 0;
}
