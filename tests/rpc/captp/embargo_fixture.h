// SPDX-License-Identifier: Apache-2.0
//
// Where the tests of embargoes begin: an application between two peers.
#pragma once

#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {

// The application holds c's object 9 (export 0 there) and a's object 42 (export 1). Its question 0
// is a's answer 1.
class Embargo : public testing::Test {
 protected:
  Embargo() : Embargo(Limits()) {}
  explicit Embargo(const Limits& of_app, vat::Behaviour behaviour = {})
      : h({}, {}, behaviour), a(h.peer()), c(h.peer()), app(h.add(LinkKind::kApp, of_app)) {
    h.connect(a, app);
    h.connect(c, app);
    c.callImport(1, 0, 0, {senderHosted(9)});
    EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/0 caps=[senderHosted 0]");
    app.returnCaps(0, {});
    EXPECT_EQ(app.nextLine(), "Finish q=0");
    c.rest();
    a.callImport(1, 0, 0, {senderHosted(42)});
    EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/0 caps=[senderHosted 1]");
  }
  static constexpr std::array<uint16_t, 1> kField = {0};
  static constexpr uint32_t kOfC = 0;
  static constexpr uint32_t kOfA = 1;

  void echo(Peer& peer, uint32_t id) {
    peer.send(wire::buildDisembargo(h.frames(), wire::DisembargoKind::kReceiverLoopback, id,
                                    importedCap(0)));
  }
  // a has the application's promise 4 as import 1, and has called it when it is used.
  void promise(bool used) {
    app.returnCaps(0, {senderPromise(4)});
    EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1]");
    a.finish(1);
    EXPECT_EQ(app.nextLine(), "Finish q=0");
    if (!used) return;
    a.callImport(2, 1, 2);
    EXPECT_EQ(app.nextLine(), "Call q=0 -> import 4 0x1234/2");
  }
  // The same, and it became c's object: import 2 of a, behind an embargo.
  void embargoed() {
    promise(true);
    app.resolve(4, receiverHosted(kOfC));
    EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> senderPromise 2");
    EXPECT_EQ(app.nextLine(), "Disembargo senderLoopback e=0 -> import 4");
  }
  void expectAbort(Peer& peer, const std::string& why) {
    EXPECT_NE(peer.rest().find("Abort failed \"" + why + "\""), std::string::npos);
    EXPECT_TRUE(peer.closed());
  }

  Harness h;
  Peer& a;
  Peer& c;
  Peer& app;
};

}  // namespace vatmesh::captp
