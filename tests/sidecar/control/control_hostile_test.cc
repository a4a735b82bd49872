// SPDX-License-Identifier: Apache-2.0
//
// Local programs that send anything: each of their calls ends with an answer, nothing of others is
// touched, and what they can have at a time is bounded.
#include <gtest/gtest.h>

#include "rpc/wire/root.h"
#include "tests/rpc/wire/messages.h"
#include "tests/sidecar/control/control_fixture.h"

namespace vatmesh::control {
namespace {

using schema::ExportInterface;

class ControlHostileTest : public ControlFixture {
 protected:
  wire::InMessage message(const std::vector<uint64_t>& words) {
    const std::span<const uint64_t> segment(words);
    return wire::messageOf({&segment, 1}, pool_);
  }
};

TEST_F(ControlHostileTest, UnknownMethodsAndInterfacesAreUnimplemented) {
  const Program program = this->program();
  const Export alice = exported(program);
  for (const auto& [interface_id, method] :
       {std::pair<uint64_t, uint16_t>{SidecarInterface::kId, 7},
        {SidecarInterface::kId, 0xffff},
        {0, 0},
        {ExportInterface::kId, 2},
        {schema::PersistentInterface::kId, schema::PersistentInterface::kSave}}) {
    for (const captp::Capability* target : {&program.sidecar, &alice.handle}) {
      EXPECT_EQ(ask(*target, interface_id, method, schema::nullMessage(pool_)).status().code(),
                Code::kUnimplemented);
    }
  }
}

TEST_F(ControlHostileTest, NoMethodNeedsItsParameters) {
  const Program program = this->program();
  for (uint16_t method = SidecarInterface::kImport; method <= SidecarInterface::kServe; ++method) {
    EXPECT_FALSE(
        ask(program.sidecar, SidecarInterface::kId, method, schema::nullMessage(pool_)).ok())
        << method;
    EXPECT_FALSE(ask(program.sidecar, SidecarInterface::kId, method, wire::InMessage()).ok());
  }
}

TEST_F(ControlHostileTest, ACapabilityThatIsNotInTheTableIsNone) {
  const Program program = this->program();
  for (const uint32_t index : {1u, 77u, ~0u}) {
    const Result<vat::Content> results =
        ask(program.sidecar, SidecarInterface::kId, SidecarInterface::kExport,
            message({wire::structWord(0, 0, 2), wire::capabilityWord(index), 0}), object());
    EXPECT_EQ(results.status().message(), "export: there is no capability to export");
  }
}

TEST_F(ControlHostileTest, LabelsAreBounded) {
  const Program program = this->program();
  const auto results = ask(
      program, SidecarInterface::kExport,
      schema::ExportParams{.capability = 0, .label = std::string(store::kMaxLabelBytes + 1, 'x')},
      object());
  EXPECT_EQ(results.status().code(), Code::kFailed);
  EXPECT_EQ(counters_.live_exports, 0u);
}

TEST_F(ControlHostileTest, ExportsOfOneProgramAreBoundedAndOthersStillExport) {
  settings_.limits.exports = 20;
  const Program flood = this->program();
  const Program other = this->program();
  std::vector<Export> held;
  for (int i = 0; i < 20; ++i) held.push_back(exported(flood));
  const auto refused = ask(flood, SidecarInterface::kExport,
                           schema::ExportParams{.capability = 0, .label = {}}, object());
  EXPECT_EQ(refused.status().code(), Code::kOverloaded);
  const Export alice = exported(other);
  EXPECT_EQ(counters_.live_exports, 21u);
  drop(std::move(held.back().handle));
  drop(std::move(exported(flood).handle));
  EXPECT_EQ(counters_.live_exports, 20u);
}

TEST_F(ControlHostileTest, RandomParametersAlwaysHaveAnAnswer) {
  const Program program = this->program();
  wire::test::Random random(5);
  int failed = 0;
  for (int round = 0; round < 2000; ++round) {
    const auto small = [&random](uint32_t n) { return static_cast<uint16_t>(random() % n); };
    std::vector<uint64_t> words{wire::structWord(0, small(3), small(4))};
    for (uint32_t i = random() % 12; i > 0; --i) {
      switch (random() % 4) {
        case 0:
          words.push_back(wire::listWord(random() % 8, random() % 8, random() % 64));
          break;
        case 1:
          words.push_back(wire::structWord(small(8), small(3), small(3)));
          break;
        case 2:
          words.push_back(wire::capabilityWord(random() % 2));
          break;
        default:
          words.push_back(random());
      }
    }
    const uint16_t method = small(8);
    const bool with_object = random() % 2 == 0;
    const Result<vat::Content> results =
        ask(program.sidecar, SidecarInterface::kId, method, message(words),
            with_object ? object() : captp::Capability());
    failed += !results.ok();
  }
  EXPECT_GT(failed, 500);
  turns();
  EXPECT_EQ(counters_.live_exports, 0u);  // nobody kept a handle
}

// Never answers.
class SilentRestorer : public link::Restorer {
 public:
  void restore(link::Link&, captp::OpId op, const std::string&) override { asked.push_back(op); }
  void cancel(captp::OpId op) override { canceled.push_back(op); }
  void peerGone(captp::LinkId) override {}

  std::vector<captp::OpId> asked, canceled;
};

TEST_F(ControlHostileTest, ImportOfAnOwnUriThatIsDroppedIsCanceled) {
  const Program program = this->program();
  SilentRestorer own;
  Importer importer(hub_, peer_links_, identity_,
                    {.serves = [](const sturdy::SturdyUri&) { return true; }, .restorer = own});
  Result<captp::Capability> object = importer.import(
      *program.link, sturdy::printUri({.location = sturdy::TcpLocation{"here", 7000},
                                       .digest = identity_.fingerprint(),
                                       .secure = true,
                                       .id = "id"}));
  ASSERT_TRUE(object.ok()) << object.status().toString();
  ASSERT_EQ(own.asked.size(), 1u);
  EXPECT_TRUE(own.canceled.empty());
  drop(std::move(*object));
  EXPECT_EQ(own.canceled, own.asked);
}

}  // namespace
}  // namespace vatmesh::control
