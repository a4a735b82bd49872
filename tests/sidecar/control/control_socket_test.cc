// SPDX-License-Identifier: Apache-2.0
//
// The socket on which local programs find their Sidecar.
#include "sidecar/control/control_socket.h"

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "rpc/wire/forward.h"
#include "rpc/wire/root.h"
#include "tests/sidecar/control/control_fixture.h"

namespace vatmesh::control {
namespace {

using test::RawVat;

class ControlSocketTest : public ControlFixture {
 protected:
  void open(const config::AllowUids& allow = {}) {
    socket_ = std::move(
        *ControlSocket::open(hub_, control_, {.address = "unix:" + path_, .allow = allow}));
  }
  mode_t mode() const {
    struct stat info{};
    EXPECT_EQ(stat(path_.c_str(), &info), 0);
    return info.st_mode & 0777;
  }
  std::unique_ptr<RawVat> dial() {
    std::optional<Result<event::Fd>> fd;
    const auto dialling = dialer_.dial(socket_->boundAddress(), {},
                                       [&](Result<event::Fd> got) { fd.emplace(std::move(got)); });
    until([&] { return fd.has_value(); });
    return std::make_unique<RawVat>(loop_, std::move(**fd));
  }

  const std::string path_ = folder_ / "control.sock";
  std::unique_ptr<ControlSocket> socket_;
};

TEST_F(ControlSocketTest, GivesEachProgramItsSidecar) {
  open();
  for (int i = 0; i < 2; ++i) {
    const auto program = dial();
    program->bootstrap(0);
    until([&] { return program->returned(0) != nullptr; });
    EXPECT_EQ(outcome(*program->returned(0)), "ok");
  }
}

TEST_F(ControlSocketTest, IsForItsOwnUserUnlessOthersAreNamed) {
  open();
  EXPECT_EQ(mode(), 0600u);
  socket_.reset();
  open({.any = false, .uids = {getuid() + 1}});
  EXPECT_EQ(mode(), 0666u);  // who is not named is closed at once
  socket_.reset();
  open({.any = true, .uids = {}});
  EXPECT_EQ(mode(), 0666u);
}

TEST_F(ControlSocketTest, EndsWhatAProgramExportedWhenItGoes) {
  open();
  const auto program = dial();
  program->bootstrap(0);
  until([&] { return program->returned(0) != nullptr; });
  // Exports its object 7, and keeps the handle.
  wire::InMessage params = schema::write(schema::ExportParams{.capability = 0, .label = {}}, pool_);
  const wire::Payload payload = wire::rootPayload(params);
  wire::OutCall call;
  call.question_id = 1;
  call.interface_id = SidecarInterface::kId;
  call.method_id = SidecarInterface::kExport;
  const wire::OutDescriptor object{
      .kind = wire::DescriptorKind::kSenderHosted, .id = 7, .path = {}};
  program->send(
      wire::forwardCall(program->frames(), std::move(params), payload, call, {&object, 1}));
  until([&] { return counters_.live_exports == 1; });
  program->hangUp();
  until([&] { return counters_.live_exports == 0; });
}

TEST_F(ControlSocketTest, AcceptsNoMoreOnceStopped) {
  open();
  const auto before = dial();
  before->bootstrap(0);
  until([&] { return before->returned(0) != nullptr; });
  socket_->stop();
  before->bootstrap(1);
  until([&] { return before->returned(1) != nullptr; });
  EXPECT_EQ(outcome(*before->returned(1)), "ok");
}

}  // namespace
}  // namespace vatmesh::control
