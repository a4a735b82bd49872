// SPDX-License-Identifier: Apache-2.0
//
// bench-client keeps DEPTH calls of Probe.blob(SIZE bytes) outstanding with the stock library, for
// a timed window after a warm-up, and prints one line of JSON: calls, rate, latencies, and the CPU
// time that each watched process used in the window. With --tls it is a TLS client of OpenSSL
// (kj-tls).

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <algorithm>
#include <string>
#include <vector>

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/compat/tls.h>
#include <kj/debug.h>
#include <kj/filesystem.h>

#include "probe.capnp.h"

namespace {

struct Arguments {
  std::string address, tls, name = "capnp";
  uint32_t depth = 1, size = 32;
  double seconds = 0.4, warm_up = 0.15;
  std::vector<pid_t> watched;
};

bool parse(int argc, char** argv, Arguments& out) {
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string option = argv[i];
    const char* value = argv[i + 1];
    if (option == "--address")
      out.address = value;
    else if (option == "--tls")
      out.tls = value;
    else if (option == "--name")
      out.name = value;
    else if (option == "--depth")
      out.depth = static_cast<uint32_t>(atoi(value));
    else if (option == "--size")
      out.size = static_cast<uint32_t>(atoi(value));
    else if (option == "--seconds")
      out.seconds = atof(value);
    else if (option == "--warm-up")
      out.warm_up = atof(value);
    else if (option == "--watch")
      out.watched.push_back(atoi(value));
    else
      return false;
  }
  return argc % 2 == 1 && !out.address.empty() && out.depth > 0;
}

uint64_t now(clockid_t clock) {
  timespec t;
  if (clock_gettime(clock, &t) != 0) return 0;
  return static_cast<uint64_t>(t.tv_sec) * 1000000000u + static_cast<uint64_t>(t.tv_nsec);
}

uint64_t processTime(pid_t pid) {
  clockid_t clock;
  return clock_getcpuclockid(pid, &clock) == 0 ? now(clock) : 0;
}

std::string readFile(const std::string& path) {
  auto filesystem = kj::newDiskFilesystem();
  auto full = filesystem->getCurrentPath().evalNative(path.c_str());
  auto text = filesystem->getRoot().openFile(full)->readAllText();
  return std::string(text.cStr());
}

// Tls is the client's identity and whom it trusts: the files of `folder` (client.key, client.crt,
// server.crt).
struct Tls {
  explicit Tls(const std::string& folder)
      : keypair{kj::TlsPrivateKey(readFile(folder + "/client.key").c_str()),
                kj::TlsCertificate(readFile(folder + "/client.crt").c_str())},
        trusted(readFile(folder + "/server.crt").c_str()),
        context(options()) {}

  kj::TlsContext::Options options() {
    kj::TlsContext::Options out;
    out.useSystemTrustStore = false;
    out.trustedCertificates = kj::arrayPtr(&trusted, 1);
    out.defaultKeypair = keypair;
    return out;
  }

  kj::TlsKeypair keypair;
  kj::TlsCertificate trusted;
  kj::TlsContext context;
};

class Load final : private kj::TaskSet::ErrorHandler {
 public:
  Load(probe::Probe::Client target, const Arguments& arguments)
      : target_(kj::mv(target)), arguments_(arguments), tasks_(*this) {
    data_ = kj::heapArray<kj::byte>(arguments.size);
    memset(data_.begin(), 0x5a, data_.size());
    latencies_.reserve(1 << 20);
  }

  // Keeps the depth up until `end`, counting from `start` on.
  kj::Promise<void> run(uint64_t start, uint64_t end) {
    start_ = start;
    end_ = end;
    for (uint32_t i = 0; i < arguments_.depth; ++i) tasks_.add(again());
    return tasks_.onEmpty();
  }

  void print() {
    std::sort(latencies_.begin(), latencies_.end());
    auto at = [&](double q) {
      return latencies_.empty()
                 ? 0.0
                 : latencies_[static_cast<size_t>(q * (latencies_.size() - 1))] / 1e3;
    };
    double seconds = static_cast<double>(closed_ - opened_) / 1e9;
    printf("{\"calls\": %zu, \"seconds\": %.6f, \"p50_us\": %.2f, \"p99_us\": %.2f, \"cpu_ns\": [",
           latencies_.size(), seconds, at(0.5), at(0.99));
    for (size_t i = 0; i < cpu_.size(); ++i) {
      printf("%s%llu", i == 0 ? "" : ", ", static_cast<unsigned long long>(cpu_[i]));
    }
    printf("]}\n");
  }

 private:
  kj::Promise<void> again() {
    uint64_t sent = now(CLOCK_MONOTONIC);
    if (closed_ != 0) return kj::READY_NOW;
    auto request = target_.blobRequest();
    request.setData(data_);
    return request.send().then([this, sent](capnp::Response<probe::Probe::BlobResults>&& answer) {
      KJ_REQUIRE(answer.getData().size() == data_.size());
      count(sent);
      return again();
    });
  }

  void count(uint64_t sent) {
    uint64_t t = now(CLOCK_MONOTONIC);
    if (opened_ == 0 && t >= start_) {
      for (pid_t pid : arguments_.watched) cpu_.push_back(processTime(pid));
      opened_ = now(CLOCK_MONOTONIC);
    } else if (closed_ == 0 && t >= end_) {
      closed_ = t;
      for (size_t i = 0; i < cpu_.size(); ++i)
        cpu_[i] = processTime(arguments_.watched[i]) - cpu_[i];
      latencies_.push_back(static_cast<uint32_t>(t - sent));
    } else if (opened_ != 0 && closed_ == 0) {
      latencies_.push_back(static_cast<uint32_t>(t - sent));
    }
  }

  void taskFailed(kj::Exception&& exception) override {
    fprintf(stderr, "%s\n", kj::str(exception).cStr());
    exit(1);
  }

  probe::Probe::Client target_;
  const Arguments& arguments_;
  kj::Array<kj::byte> data_;
  std::vector<uint32_t> latencies_;
  std::vector<uint64_t> cpu_;
  uint64_t start_ = 0, end_ = 0, opened_ = 0, closed_ = 0;
  kj::TaskSet tasks_;
};

void run(const Arguments& arguments) {
  auto io = kj::setupAsyncIo();
  auto address =
      io.provider->getNetwork().parseAddress(arguments.address.c_str()).wait(io.waitScope);
  auto stream = address->connect().wait(io.waitScope);
  kj::Own<Tls> tls;
  if (!arguments.tls.empty()) {
    tls = kj::heap<Tls>(arguments.tls);
    stream = tls->context.wrapClient(kj::mv(stream), arguments.name.c_str()).wait(io.waitScope);
  }
  capnp::TwoPartyClient client(*stream);
  Load load(client.bootstrap().castAs<probe::Probe>(), arguments);
  uint64_t start = now(CLOCK_MONOTONIC) + static_cast<uint64_t>(arguments.warm_up * 1e9);
  load.run(start, start + static_cast<uint64_t>(arguments.seconds * 1e9)).wait(io.waitScope);
  load.print();
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, arguments)) {
    fprintf(stderr,
            "usage: %s --address ADDRESS [--tls FOLDER] [--name NAME] [--depth N] [--size BYTES]\n"
            "       [--seconds S] [--warm-up S] [--watch PID]...\n",
            argv[0]);
    return 64;
  }
  KJ_IF_MAYBE (exception, kj::runCatchingExceptions([&] { run(arguments); })) {
    fprintf(stderr, "bench-client: %s\n", kj::str(*exception).cStr());
    return 1;
  }
  return 0;
}
