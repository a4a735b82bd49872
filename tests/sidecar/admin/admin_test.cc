// SPDX-License-Identifier: Apache-2.0
//
// The admin port over loopback: bounds, deadlines, and what a client on the socket sees.
#include "sidecar/admin/admin.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace vatmesh::admin {
namespace {

constexpr Duration kPatience = std::chrono::seconds(20);

// A blocking client socket, read without waiting.
class Client {
 public:
  explicit Client(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }

  bool connected() const { return connected_; }
  void write(std::string_view text) {
    ASSERT_EQ(send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  // Reads what is there; true once the server has ended the connection.
  bool ended() {
    char bytes[4096];
    while (true) {
      const ssize_t got = recv(fd_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
      if (got > 0) {
        text_.append(bytes, static_cast<size_t>(got));
      } else {
        return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
      }
    }
  }
  const std::string& text() const { return text_; }
  bool answeredWith(std::string_view status) const {
    return text_.starts_with("HTTP/1.1 " + std::string(status));
  }

 private:
  event::Fd fd_;
  bool connected_ = false;
  std::string text_;
};

class AdminTest : public testing::Test {
 protected:
  AdminTest() { open(Admin::kDeadline); }

  void open(Duration deadline) {
    auto opened = Admin::open(loop_, net::Address::tcp("127.0.0.1", 0),
                              {.checks = [] { return std::vector<Check>(); },
                               .metrics = [this](metrics::Format) { return metrics_; },
                               .version = "v\n"},
                              deadline);
    EXPECT_TRUE(opened.ok()) << opened.status().toString();
    admin_ = std::move(*opened);
  }

  Client connect() { return Client(admin_->boundAddress().port()); }

  // The whole answer to `request`.
  std::string ask(std::string_view request) {
    Client client = connect();
    client.write(request);
    EXPECT_TRUE(loop_.runUntil([&] { return client.ended(); }, kPatience));
    return client.text();
  }

  event::Loop loop_;
  std::string metrics_ = "m 1\n";
  std::unique_ptr<Admin> admin_;
};

TEST_F(AdminTest, AnswersOneRequestAndEndsTheConnection) {
  const std::string text = ask("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(text.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(text.ends_with("\r\n\r\nok\n"));
}

TEST_F(AdminTest, AnswersHeadWithoutABody) {
  const std::string text = ask("HEAD /version HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(text.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_NE(text.find("Content-Length: 2\r\n"), std::string::npos);
  EXPECT_TRUE(text.ends_with("\r\n\r\n"));
}

TEST_F(AdminTest, RefusesWhatIsNoRequest) {
  EXPECT_TRUE(ask("\x16\x03\x01 hello\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(ask("POST /livez HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
  EXPECT_TRUE(ask("GET /etc HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(ask(std::string(kMaxHeadBytes + 1, 'a')).starts_with("HTTP/1.1 431 "));
}

TEST_F(AdminTest, SendsAnAnswerThatDoesNotFitTheSocketAtOnce) {
  metrics_.assign(8 << 20, 'x');
  const std::string text = ask("GET /metrics HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(text.ends_with(metrics_));
}

TEST_F(AdminTest, KeepsAPlaceForProbesWhenOthersHoldAllConnections) {
  std::vector<Client> idle;
  for (size_t i = 0; i < Admin::kMaxConnections + 4; ++i) idle.push_back(connect());
  ASSERT_TRUE(
      loop_.runUntil([&] { return admin_->connections() == Admin::kMaxConnections; }, kPatience));

  Client scraper = connect();
  scraper.write("GET /metrics HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(loop_.runUntil([&] { return scraper.ended(); }, kPatience));
  EXPECT_TRUE(scraper.answeredWith("503"));

  Client probe = connect();
  probe.write("GET /readyz HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(loop_.runUntil([&] { return probe.ended(); }, kPatience));
  EXPECT_TRUE(probe.answeredWith("200"));
}

TEST_F(AdminTest, NeverHoldsMoreConnectionsThanItsBound) {
  std::vector<Client> many;
  size_t most = 0;
  for (int i = 0; i < 64; ++i) many.push_back(connect());
  // The first of them have given way.
  EXPECT_TRUE(loop_.runUntil(
      [&] {
        most = std::max(most, admin_->connections());
        return many.front().ended();
      },
      kPatience));
  EXPECT_LE(most, Admin::kMaxConnections);
}

TEST_F(AdminTest, EndsAConnectionThatSaysNothingAtItsDeadline) {
  open(std::chrono::milliseconds(50));
  Client client = connect();
  client.write("GET /livez HT");
  ASSERT_TRUE(loop_.runUntil([&] { return client.ended(); }, kPatience));
  EXPECT_EQ(client.text(), "");
}

TEST_F(AdminTest, SaysWhoHasTheAddressWhenItIsTaken) {
  const auto second = Admin::open(loop_, admin_->boundAddress(), {});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace vatmesh::admin
