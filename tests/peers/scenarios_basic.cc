// SPDX-License-Identifier: Apache-2.0
//
// Calls with data only: what is asked is answered, whatever its size, order or failure.

#include <memory>

#include "scenarios.h"

namespace probe {
namespace {

kj::Promise<void> checkedEcho(Probe::Client probe, uint64_t number, kj::StringPtr text) {
  auto request = probe.echoRequest();
  request.setNumber(number);
  request.setText(text);
  return request.send().then(
      [number, text = kj::str(text)](capnp::Response<Probe::EchoResults>&& answer) {
        KJ_REQUIRE(answer.getNumber() == number);
        KJ_REQUIRE(answer.getText() == text);
      });
}

kj::Promise<void> checkedBlob(Probe::Client probe, size_t size, uint32_t seed) {
  auto data = pattern(size, seed);
  auto request = probe.blobRequest();
  request.setData(data);
  return request.send().then([data = kj::mv(data)](capnp::Response<Probe::BlobResults>&& answer) {
    KJ_REQUIRE(answer.getData() == data.asPtr(), "the blob came back changed", data.size());
  });
}

void echo(Session& s) {
  s.wait(checkedEcho(s.probe, 7, "hello"));
  s.wait(checkedEcho(s.probe, 0, ""));
  s.wait(checkedEcho(s.probe, ~0ull, "\xc3\xa4\xe2\x82\xac"));
}

void rows(Session& s) {
  auto request = s.probe.rowsRequest();
  request.setCount(3000);
  auto answer = s.wait(request.send());
  auto rows = answer.getRows();
  KJ_REQUIRE(rows.size() == 3000);
  uint64_t sum = 0;
  for (uint32_t i = 0; i < rows.size(); ++i) {
    KJ_REQUIRE(rows[i].getId() == i && rows[i].getName() == kj::str("row ", i));
    auto values = rows[i].getValues();
    KJ_REQUIRE(values.size() == 3 && values[0] == i && values[2] == i + 2);
    sum += i + i + i + 1 + i + 2;
  }
  // The other way round; built piece by piece, so that it has several segments.
  auto back = s.probe.countRowsRequest();
  auto list = back.initRows(3000);
  for (uint32_t i = 0; i < 3000; ++i) {
    list[i].setId(i);
    list[i].setName(rows[i].getName());
    list[i].setValues(rows[i].getValues());
  }
  auto counted = s.wait(back.send());
  KJ_REQUIRE(counted.getCount() == 3000 && counted.getSum() == sum);
}

void blobs(Session& s) {
  uint32_t seed = 1;
  for (size_t size : {0, 1, 7, 8, 9, 1000, 4096, 16383, 65536, 1 << 20, 3 << 20, 5000000}) {
    s.wait(checkedBlob(s.probe, size, seed++));
  }
}

void parallel(Session& s) {
  kj::Vector<kj::Promise<void>> calls;
  for (uint32_t i = 0; i < 300; ++i) {
    calls.add(checkedEcho(s.probe, i, kj::str("call ", i)));
    calls.add(checkedBlob(s.probe, i * 37 % 5000, i));
  }
  auto other = s.connect();
  for (uint32_t i = 0; i < 100; ++i) calls.add(checkedEcho(other->probe, i, "other"));
  s.wait(kj::joinPromises(calls.releaseAsArray()));
}

void checkFailure(Session& s, Kind kind, kj::Exception::Type type, kj::StringPtr reason) {
  auto request = s.probe.failRequest();
  request.setKind(kind);
  request.setReason(reason);
  auto exception = mustFail(s, request.send().ignoreResult());
  KJ_REQUIRE(exception.getType() == type, exception);
  KJ_REQUIRE(exception.getDescription() == kj::str("remote exception: ", reason), exception);
}

void exceptions(Session& s) {
  using Type = kj::Exception::Type;
  checkFailure(s, Kind::FAILED, Type::FAILED, "it failed");
  checkFailure(s, Kind::OVERLOADED, Type::OVERLOADED, "too much");
  checkFailure(s, Kind::DISCONNECTED, Type::DISCONNECTED, "far away");
  checkFailure(s, Kind::UNIMPLEMENTED, Type::UNIMPLEMENTED, "not written");
  checkFailure(s, Kind::FAILED, Type::FAILED, "");
  auto text = kj::heapString(3000);
  memset(text.begin(), 'x', text.size());
  checkFailure(s, Kind::FAILED, Type::FAILED, text);
  s.wait(checkedEcho(s.probe, 1, "alive"));
}

void missing(Session& s) {
  auto newer = s.probe.castAs<NewerProbe>();
  mustFailWith(s, newer.addedRequest().send().ignoreResult(), kj::Exception::Type::UNIMPLEMENTED);
  auto stranger = s.probe.castAs<Stranger>();
  mustFailWith(s, stranger.helloRequest().send().ignoreResult(),
               kj::Exception::Type::UNIMPLEMENTED);
  s.wait(checkedEcho(s.probe, 1, "alive"));
}

void stream(Session& s) {
  auto before = s.quiet();
  auto data = pattern(8192, 5);
  for (uint32_t i = 0; i < 512; ++i) {
    auto request = s.probe.chunkRequest();
    request.setData(data);
    s.wait(request.send());
  }
  auto after = s.numbers();
  KJ_REQUIRE(after.streamed_chunks - before.streamed_chunks == 512);
  KJ_REQUIRE(after.streamed_bytes - before.streamed_bytes == 512 * 8192);
}

// --- bulk: a fixed mix of everything, many at a time, each result checked ---

struct Bulk {
  Session& session;
  Item::Client item;  // of this client, for callbacks
  uint32_t left;
  uint32_t started = 0;
};

kj::Promise<void> checkedNext(Item::Client item, uint32_t number) {
  return next(kj::mv(item), number).then([number](capnp::Response<Answer>&& answer) {
    KJ_REQUIRE(answer.getNumber() == number && answer.getPosition() == 0);
  });
}

kj::Promise<void> checkedUse(Bulk& bulk, uint32_t number) {
  auto request = bulk.session.probe.useRequest();
  request.setItem(bulk.item);
  request.setNumber(number);
  return request.send().then(
      [number](capnp::Response<Answer>&& answer) { KJ_REQUIRE(answer.getNumber() == number); });
}

kj::Promise<void> checkedBounce(Bulk& bulk) {
  auto request = bulk.session.probe.reflectRequest();
  request.setItem(bulk.item);
  return request.send().then([&bulk](capnp::Response<Probe::ReflectResults>&& answer) {
    auto item = answer.getItem();
    return bulk.session.items.set.getLocalServer(item).then(
        [keep = kj::cp(item)](kj::Maybe<Item::Server&> own) {
          KJ_REQUIRE(own != nullptr, "a bounced object came back as a proxy");
        });
  });
}

kj::Promise<void> checkedFail(Bulk& bulk, uint32_t number) {
  auto request = bulk.session.probe.failRequest();
  request.setReason(kj::str("reason ", number));
  return request.send().then(
      [](capnp::Response<Probe::FailResults>&&) { KJ_FAIL_REQUIRE("should have failed"); },
      [number](kj::Exception&& exception) {
        auto reason = kj::str("reason ", number);
        KJ_REQUIRE(strstr(exception.getDescription().cStr(), reason.cStr()) != nullptr, exception);
      });
}

kj::Promise<void> checkedRows(Bulk& bulk, uint32_t count) {
  auto request = bulk.session.probe.rowsRequest();
  request.setCount(count);
  return request.send().then([count](capnp::Response<Probe::RowsResults>&& answer) {
    KJ_REQUIRE(answer.getRows().size() == count);
    if (count > 0) KJ_REQUIRE(answer.getRows()[count - 1].getName() == kj::str("row ", count - 1));
  });
}

kj::Promise<void> oneOfMany(Bulk& bulk) {
  uint32_t i = bulk.started++;
  auto& probe = bulk.session.probe;
  switch (i % 16) {
    case 8:
      return checkedBlob(probe, i * 7919 % 3000, i);
    case 9:
      return checkedNext(probe.itemRequest().send().getBox().getItem(), i);
    case 10:
      return checkedUse(bulk, i);
    case 11:
      return checkedFail(bulk, i);
    case 12:
      return checkedBounce(bulk);
    case 13: {
      auto first = probe.itemRequest().send().getBox().getItem();
      return checkedNext(first.childRequest().send().getBox().getItem(), i);
    }
    case 14:
      return checkedRows(bulk, i / 16 % 40);
    case 15: {
      // Dropped at once: the call may run or not, but must not disturb the others.
      auto dropped = probe.waitRequest().send();
      return checkedEcho(probe, i, "after a dropped call");
    }
    default:
      return checkedEcho(probe, i, kj::str("number ", i));
  }
}

kj::Promise<void> worker(Bulk& bulk) {
  if (bulk.left == 0) return kj::READY_NOW;
  --bulk.left;
  return oneOfMany(bulk).then([&bulk] { return worker(bulk); });
}

void bulk(Session& s) {
  auto before = s.quiet();
  Bulk bulk{s, s.items.make(), s.count};
  kj::Vector<kj::Promise<void>> workers;
  for (int i = 0; i < 64; ++i) workers.add(worker(bulk));
  s.wait(kj::joinPromises(workers.releaseAsArray()));
  KJ_REQUIRE(bulk.started == s.count);
  s.until([&](Stats::Reader now) {
    return now.getItems() == before.items && now.getRunning() == before.running;
  });
}

}  // namespace

std::vector<Scenario> basicScenarios() {
  return {{"echo", echo},
          {"rows", rows},
          {"blobs", blobs},
          {"parallel", parallel},
          {"exceptions", exceptions},
          {"missing", missing},
          {"stream", stream},
          {"bulk", bulk}};
}

}  // namespace probe
