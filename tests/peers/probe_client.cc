// SPDX-License-Identifier: Apache-2.0
//
// probe-client runs scenarios against a Probe with the stock two-party library and nothing of
// vatmesh:   probe-client ADDRESS [--count N] [--second ADDRESS] [--deadline S]
// [--without NAME]... NAME... | all
// It prints `ok NAME` or `FAILED NAME: why` for each and exits with 1 if one failed.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <string>

#include "scenarios.h"

namespace probe {
namespace {

char current[64];

// The deadline of a scenario. Async-signal-safe.
void onAlarm(int) {
  const char* head = "FAILED ";
  const char* rest = ": no end within the deadline\n";
  if (write(1, head, strlen(head)) < 0 || write(1, current, strlen(current)) < 0 ||
      write(1, rest, strlen(rest)) < 0) {
    _exit(2);
  }
  _exit(1);
}

struct Arguments {
  std::string address, second;
  std::vector<std::string> names, without;
  uint32_t count = 100000;
  unsigned deadline = 60;
};

bool parse(int argc, char** argv, Arguments& out) {
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    bool option = word.rfind("--", 0) == 0;
    if (option && i + 1 == argc) return false;
    if (word == "--count") {
      out.count = static_cast<uint32_t>(atoi(argv[++i]));
    } else if (word == "--second") {
      out.second = argv[++i];
    } else if (word == "--deadline") {
      out.deadline = static_cast<unsigned>(atoi(argv[++i]));
    } else if (word == "--without") {
      out.without.push_back(argv[++i]);
    } else if (option) {
      return false;
    } else if (out.address.empty()) {
      out.address = word;
    } else {
      out.names.push_back(word);
    }
  }
  if (out.second.empty()) out.second = out.address;
  return !out.names.empty();
}

bool wanted(const Arguments& arguments, const Scenario& scenario) {
  for (const auto& name : arguments.without) {
    if (name == scenario.name) return false;
  }
  for (const auto& name : arguments.names) {
    if (name == scenario.name || (name == "all" && scenario.in_all)) return true;
  }
  return false;
}

bool runOne(kj::AsyncIoContext& io, const Arguments& arguments, const Scenario& scenario) {
  snprintf(current, sizeof current, "%s", scenario.name);
  alarm(arguments.deadline);
  auto failure = kj::runCatchingExceptions([&] {
    Session session(io, arguments.address.c_str(), arguments.second.c_str(), arguments.count);
    scenario.run(session);
  });
  alarm(0);
  KJ_IF_MAYBE (exception, failure) {
    printf("FAILED %s: %s\n", scenario.name, kj::str(*exception).cStr());
  } else {
    printf("ok %s\n", scenario.name);
  }
  fflush(stdout);
  return failure == nullptr;
}

int run(const Arguments& arguments) {
  signal(SIGALRM, onAlarm);
  auto io = kj::setupAsyncIo();
  std::vector<Scenario> all;
  for (const auto& part :
       {basicScenarios(), capabilityScenarios(), promiseScenarios(), endScenarios()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  int found = 0, failed = 0;
  for (const auto& scenario : all) {
    if (!wanted(arguments, scenario)) continue;
    ++found;
    if (!runOne(io, arguments, scenario)) ++failed;
  }
  if (found == 0) {
    fprintf(stderr, "no such scenario; there are:");
    for (const auto& scenario : all) fprintf(stderr, " %s", scenario.name);
    fprintf(stderr, "\n");
    return 64;
  }
  return failed == 0 ? 0 : 1;
}

}  // namespace

Session::Session(kj::AsyncIoContext& io, kj::StringPtr address, kj::StringPtr second,
                 uint32_t calls)
    : scope(io.waitScope),
      probe(nullptr),
      count(calls),
      io_(io),
      address_(address),
      second_(second) {
  main = connect(address);
  probe = main->probe;
}

kj::Own<Connection> Session::connect(kj::StringPtr address) {
  auto parsed = io_.provider->getNetwork().parseAddress(address).wait(scope);
  auto stream = parsed->connect().wait(scope);
  auto client = kj::heap<capnp::TwoPartyClient>(*stream);
  auto bootstrap = client->bootstrap().castAs<Probe>();
  return kj::heap<Connection>(Connection{kj::mv(stream), kj::mv(client), kj::mv(bootstrap)});
}

void Session::until(std::function<bool(Stats::Reader)> check) {
  until(probe, check);
}

void Session::until(Probe::Client& other, std::function<bool(Stats::Reader)> check) {
  while (!check(other.statsRequest().send().wait(scope).getStats())) {
  }
}

Session::Numbers Session::numbers() {
  auto response = probe.statsRequest().send().wait(scope);
  auto stats = response.getStats();
  return {stats.getItems(), stats.getRunning(), stats.getCancelled(), stats.getStreamedChunks(),
          stats.getStreamedBytes()};
}

Session::Numbers Session::quiet() {
  until([](Stats::Reader now) { return now.getItems() == 0 && now.getRunning() == 0; });
  return numbers();
}

kj::Array<kj::byte> pattern(size_t size, uint32_t seed) {
  auto data = kj::heapArray<kj::byte>(size);
  uint32_t state = seed * 2654435761u + 1;
  for (auto& byte : data) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<kj::byte>(state >> 24);
  }
  return data;
}

kj::Promise<capnp::Response<Answer>> next(Item::Client item, uint32_t number) {
  auto request = item.nextRequest();
  request.setNumber(number);
  return request.send();
}

}  // namespace probe

int main(int argc, char** argv) {
  probe::Arguments arguments;
  if (!probe::parse(argc, argv, arguments)) {
    fprintf(stderr,
            "usage: %s ADDRESS [--count N] [--second ADDRESS] [--deadline S] [--without NAME]... "
            "NAME... | all\n",
            argv[0]);
    return 64;
  }
  return probe::run(arguments);
}
