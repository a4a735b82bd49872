// SPDX-License-Identifier: Apache-2.0
//
// HubFixture is a Hub with what it needs around it, and links whose other ends a test plays.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sidecar/link/hub.h"
#include "sidecar/net/dialer.h"
#include "sidecar/tls/random.h"
#include "tests/fakes/raw_vat.h"

namespace vatmesh::test {

// Keeps what a LinkOwner is told; answers a Bootstrap with the link `target`, once that is set.
class RecordingOwner : public link::LinkOwner {
 public:
  void onUp(link::Link& link) override { up.push_back(&link); }
  void onDown(link::Link& link, const Status& why) override { down.push_back(why); }
  void onIdle(link::Link& link, bool now_idle) override { idle = now_idle; }
  void onRestore(link::Link& link, captp::OpId op, const std::string& object_id) override {
    asked.push_back(object_id);
    ops.push_back(op);
    if (!answer) return;
    if (answer->ok()) {
      link.hub().complete(op, **answer);
    } else {
      link.hub().complete(op, answer->status());
    }
  }
  void onCancel(captp::OpId op) override { canceled.push_back(op); }

  std::vector<link::Link*> up;
  std::vector<Status> down;
  bool idle = true;
  std::vector<std::string> asked;
  std::vector<captp::OpId> ops;
  std::vector<captp::OpId> canceled;
  std::optional<Result<vat::BootstrapOf>> answer;
};

class HubFixture : public testing::Test {
 protected:
  static constexpr Duration kPatience = std::chrono::seconds(20);

  HubFixture() {
    settings_.handshake = std::chrono::seconds(10);
    settings_.connect = std::chrono::seconds(10);
    settings_.app_connect = std::chrono::seconds(10);
  }
  ~HubFixture() override {
    const auto broken = hub_.vat().checkInvariants();
    EXPECT_FALSE(broken) << *broken << "\n" << hub_.vat().dump();
  }

  // Runs the loop until `done`; fails the test when that takes too long.
  template <typename Done>
  void until(Done done) {
    ASSERT_TRUE(loop_.runUntil(done, kPatience)) << hub_.vat().dump();
  }
  // Runs what is at hand, without waiting for more.
  void turns(int count = 3) {
    for (int i = 0; i < count; ++i) {
      bool ran = false;
      loop_.post([&ran] { ran = true; });
      until([&ran] { return ran; });
    }
  }

  // Opens a link of `kind` and returns its other end, once it is up.
  std::unique_ptr<RawVat> connect(captp::LinkKind kind, link::LinkOwner& owner,
                                  link::Link** link = nullptr) {
    net::SocketPair pair = std::move(*net::makeSocketPair());
    auto other = std::make_unique<RawVat>(loop_, std::move(pair.second));
    link::Link& opened = hub_.open(std::make_unique<net::PlainTransport>(std::move(pair.first)),
                                   {.kind = kind,
                                    .direction = metrics::Direction::kIn,
                                    .transport = metrics::Transport::kPlain,
                                    .name = "test"},
                                   owner);
    if (link != nullptr) *link = &opened;
    until([&] { return opened.isUp() && other->open(); });
    return other;
  }

  bool logged(const std::string& part) const {
    for (const std::string& line : lines_) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }

  event::Loop loop_;
  std::vector<std::string> lines_;
  Logger log_{LogLevel::kDebug, LogFormat::kText,
              [this](std::string_view line) { lines_.emplace_back(line); }};
  metrics::Counters counters_;
  link::Settings settings_;
  wire::BufferPool pool_;
  tls::SystemEntropy entropy_;
  net::Dialer dialer_{loop_};
  link::Hub hub_{loop_, pool_, log_, counters_, settings_};
};

}  // namespace vatmesh::test
