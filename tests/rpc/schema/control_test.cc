// SPDX-License-Identifier: Apache-2.0
//
// Every struct in both directions: what the stock library writes we read, what we write it reads.
#include "rpc/schema/control.h"

#include <string>

#include <capnp/persistent.capnp.h>
#include <gtest/gtest.h>

#include "rpc/schema/object_ref.h"
#include "tests/rpc/schema/stock.h"

namespace vatmesh::schema {
namespace {

using test::Hooks;
using test::StockReader;
using test::StockWriter;

constexpr size_t kMaxRef = 4096;
const std::string kFingerprint(32, '\xf0');

std::string text(capnp::Text::Reader reader) {
  return {reader.begin(), reader.size()};
}
std::string data(capnp::Data::Reader reader) {
  return {reinterpret_cast<const char*>(reader.begin()), reader.size()};
}
capnp::Data::Reader dataOf(const std::string& value) {
  return {reinterpret_cast<const kj::byte*>(value.data()), value.size()};
}
Time at(int64_t milliseconds) {
  return Time(std::chrono::milliseconds(milliseconds));
}

class Control : public testing::Test {
 protected:
  wire::BufferPool pool_;
  Hooks hooks_{3};
  StockWriter stock_;
};

TEST_F(Control, IdsAreThoseOfTheSchema) {
  EXPECT_EQ(capnp::typeId<api::Sidecar>(), SidecarInterface::kId);
  EXPECT_EQ(capnp::typeId<api::Export>(), ExportInterface::kId);
  EXPECT_EQ(capnp::typeId<api::Application>(), ApplicationInterface::kId);
  EXPECT_EQ((capnp::typeId<capnp::Persistent<>>()), PersistentInterface::kId);
}

TEST_F(Control, MethodsAreThoseOfTheSchema) {
  const auto number = [](auto interface, const char* method) {
    return interface.getMethodByName(method).getOrdinal();
  };
  const auto sidecar = capnp::Schema::from<api::Sidecar>();
  EXPECT_EQ(number(sidecar, "self"), SidecarInterface::kSelf);
  EXPECT_EQ(number(sidecar, "import"), SidecarInterface::kImport);
  EXPECT_EQ(number(sidecar, "lookup"), SidecarInterface::kLookup);
  EXPECT_EQ(number(sidecar, "export"), SidecarInterface::kExport);
  EXPECT_EQ(number(sidecar, "publish"), SidecarInterface::kPublish);
  EXPECT_EQ(number(sidecar, "revoke"), SidecarInterface::kRevoke);
  EXPECT_EQ(number(sidecar, "serve"), SidecarInterface::kServe);
  const auto export_ = capnp::Schema::from<api::Export>();
  EXPECT_EQ(number(export_, "revoke"), ExportInterface::kRevoke);
  EXPECT_EQ(number(export_, "info"), ExportInterface::kInfo);
  const auto application = capnp::Schema::from<api::Application>();
  EXPECT_EQ(number(application, "bootstrap"), ApplicationInterface::kBootstrap);
  EXPECT_EQ(number(application, "restore"), ApplicationInterface::kRestore);
}

TEST_F(Control, SelfResults) {
  const auto written =
      write(SelfResults{.fingerprint = kFingerprint, .addresses = {"tcp:a:1", "tcp:b:2"}}, pool_);
  StockReader reader(written, hooks_);
  const auto root = reader.root<api::SelfResults>();
  EXPECT_EQ(data(root.getFingerprint()), kFingerprint);
  ASSERT_EQ(root.getAddresses().size(), 2u);
  EXPECT_EQ(text(root.getAddresses()[1]), "tcp:b:2");

  const auto read = readSelfResults(written);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->fingerprint, kFingerprint);
  EXPECT_EQ(read->addresses, (std::vector<std::string>{"tcp:a:1", "tcp:b:2"}));
}

TEST_F(Control, AFingerprintThatIsNoneIsNull) {
  const auto self = write(SelfResults{}, pool_);
  EXPECT_FALSE(StockReader(self, hooks_).root<api::SelfResults>().hasFingerprint());
  const auto bootstrap = write(BootstrapParams{.peer = {{}, "10.1.2.3:7000"}}, pool_);
  const auto peer = StockReader(bootstrap, hooks_).root<api::BootstrapParams>().getPeer();
  EXPECT_FALSE(peer.hasFingerprint());
  EXPECT_EQ(text(peer.getAddress()), "10.1.2.3:7000");
}

TEST_F(Control, ImportParams) {
  auto root = stock_.root<api::ImportParams>();
  root.setUri("capnp://insecure@host:7000/aWQ");
  root.setReconnect(true);
  const auto read = readImportParams(stock_.message(pool_));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->uri, "capnp://insecure@host:7000/aWQ");
  EXPECT_TRUE(read->reconnect);

  const auto written = write(ImportParams{.uri = "a URI", .reconnect = true}, pool_);
  StockReader reader(written, hooks_);
  EXPECT_EQ(text(reader.root<api::ImportParams>().getUri()), "a URI");
  EXPECT_TRUE(reader.root<api::ImportParams>().getReconnect());
}

TEST_F(Control, LookupAndRevokeParams) {
  stock_.root<api::LookupParams>().setImportName("bank");
  EXPECT_EQ(readLookupParams(stock_.message(pool_))->name, "bank");
  const auto lookup = write(LookupParams{.name = "shop"}, pool_);
  EXPECT_EQ(text(StockReader(lookup, hooks_).root<api::LookupParams>().getImportName()), "shop");

  StockWriter other;
  other.root<api::RevokeParams>().setUri("capnp://x");
  EXPECT_EQ(readRevokeParams(other.message(pool_))->uri, "capnp://x");
  const auto revoke = write(RevokeParams{.uri = "capnp://y"}, pool_);
  EXPECT_EQ(text(StockReader(revoke, hooks_).root<api::RevokeParams>().getUri()), "capnp://y");
}

TEST_F(Control, ExportParamsNameTheirCapability) {
  auto root = stock_.root<api::ExportParams>();
  // Indices are given out when fields are set.
  root.setCapability(hooks_.client(0));
  root.setCapability(hooks_.client(1));
  root.setLabel("alice");
  const auto read = readExportParams(stock_.message(pool_));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->capability, 1u);
  EXPECT_EQ(read->label, "alice");

  const auto written = write(ExportParams{.capability = 0, .label = "bob"}, pool_);
  StockReader reader(written, hooks_);
  EXPECT_EQ(text(reader.root<api::ExportParams>().getLabel()), "bob");
  EXPECT_EQ(hooks_.indexOf(reader.root<capnp::AnyStruct>().getPointerSection()[0]), 0u);
}

TEST_F(Control, ExportResultsNameTheirHandle) {
  const auto written = write(ExportResults{.uri = "capnp://z", .handle = 0}, pool_);
  StockReader reader(written, hooks_);
  const auto root = reader.root<api::ExportResults>();
  EXPECT_EQ(text(root.getUri()), "capnp://z");
  EXPECT_EQ(hooks_.indexOf(reader.root<capnp::AnyStruct>().getPointerSection()[1]), 0u);
  // publish answers with a struct of the same form.
  EXPECT_EQ(text(reader.root<api::PublishResults>().getUri()), "capnp://z");
  EXPECT_TRUE(reader.root<api::PublishResults>().hasHandle());

  auto stock = stock_.root<api::PublishResults>();
  stock.setUri("capnp://u");
  stock.setHandle(hooks_.client(2));
  const auto read = readExportResults(stock_.message(pool_));
  EXPECT_EQ(read->uri, "capnp://u");
  EXPECT_EQ(read->handle, 0u);
}

TEST_F(Control, CapabilitiesThatAreNullAreNone) {
  stock_.root<api::ExportParams>().setLabel("nothing");
  EXPECT_EQ(readExportParams(stock_.message(pool_))->capability, std::nullopt);
  const auto written = write(CapabilityResults{}, pool_);
  EXPECT_FALSE(StockReader(written, hooks_).root<api::ImportResults>().hasCapability());
  EXPECT_EQ(readCapabilityResults(written).capability, std::nullopt);
}

TEST_F(Control, CapabilityResultsServeAllMethodsThatGiveAnObject) {
  const auto written = write(CapabilityResults{.capability = 0}, pool_);
  StockReader reader(written, hooks_);
  EXPECT_TRUE(reader.root<api::ImportResults>().hasCapability());
  EXPECT_TRUE(reader.root<api::LookupResults>().hasCapability());
  EXPECT_TRUE(reader.root<api::BootstrapResults>().hasCapability());
  EXPECT_TRUE(reader.root<api::RestoreResults>().hasCapability());

  stock_.root<api::RestoreResults>().setCapability(hooks_.client(2));
  EXPECT_EQ(readCapabilityResults(stock_.message(pool_)).capability, 0u);
  StockWriter bootstrap;
  bootstrap.root<api::BootstrapResults>().setCapability(hooks_.client(2));
  EXPECT_EQ(readCapabilityResults(bootstrap.message(pool_)).capability, 0u);
}

TEST_F(Control, ServeParams) {
  // The server's type is the stock library's matter; the slot is ours.
  stock_.root<api::ServeParams>().setApplication(hooks_.client(1));
  EXPECT_EQ(readServeParams(stock_.message(pool_))->application, 0u);
  const auto written = write(ServeParams{.application = 0}, pool_);
  EXPECT_TRUE(StockReader(written, hooks_).root<api::ServeParams>().hasApplication());
}

TEST_F(Control, PublishParams) {
  auto root = stock_.root<api::PublishParams>();
  root.getRef().setAs<capnp::Text>("accounts/7");
  root.setLabel("savings");
  root.setExpires(1700000000123);
  root.setOwner(dataOf(kFingerprint));
  const auto read = readPublishParams(stock_.message(pool_), kMaxRef);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(textIn(read->ref), "accounts/7");
  EXPECT_EQ(read->label, "savings");
  EXPECT_EQ(read->expires, at(1700000000123));
  EXPECT_EQ(read->owner, kFingerprint);

  const auto written = write(*read, pool_);
  ASSERT_TRUE(written.ok());
  const auto back = StockReader(*written, hooks_).root<api::PublishParams>();
  EXPECT_EQ(text(back.getRef().getAs<capnp::Text>()), "accounts/7");
  EXPECT_EQ(text(back.getLabel()), "savings");
  EXPECT_EQ(back.getExpires(), 1700000000123u);
  EXPECT_EQ(data(back.getOwner()), kFingerprint);
}

TEST_F(Control, NoDeadlineIsZero) {
  stock_.root<api::PublishParams>().getRef().setAs<capnp::Text>("x");
  EXPECT_EQ(readPublishParams(stock_.message(pool_), kMaxRef)->expires, std::nullopt);
  const auto written = write(InfoResults{}, pool_);
  EXPECT_EQ(StockReader(written, hooks_).root<api::InfoResults>().getExpires(), 0u);
}

TEST_F(Control, TimesBeyondAllClocksAreStillTimes) {
  stock_.root<api::PublishParams>().setExpires(~uint64_t{0});
  const auto read = readPublishParams(stock_.message(pool_), kMaxRef);
  ASSERT_TRUE(read.ok());
  EXPECT_GT(*read->expires + std::chrono::hours(24), at(int64_t{1} << 61));
}

TEST_F(Control, InfoResults) {
  const auto written = write(InfoResults{.name = "abcdefghij",
                                         .label = "alice",
                                         .created = at(1700000000000),
                                         .expires = at(1800000000000),
                                         .lifetime = InfoResults::Lifetime::kDurable},
                             pool_);
  StockReader reader(written, hooks_);
  const auto root = reader.root<api::InfoResults>();
  EXPECT_EQ(text(root.getName()), "abcdefghij");
  EXPECT_EQ(text(root.getLabel()), "alice");
  EXPECT_EQ(root.getCreated(), 1700000000000u);
  EXPECT_EQ(root.getExpires(), 1800000000000u);
  EXPECT_EQ(root.getLifetime(), api::InfoResults::Lifetime::DURABLE);

  const auto read = readInfoResults(written);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->label, "alice");
  EXPECT_EQ(read->created, at(1700000000000));
  EXPECT_EQ(read->expires, at(1800000000000));
  EXPECT_EQ(read->lifetime, InfoResults::Lifetime::kDurable);
  EXPECT_EQ(readInfoResults(write(InfoResults{}, pool_))->lifetime, InfoResults::Lifetime::kLive);
}

TEST_F(Control, RestoreParams) {
  const auto written =
      write(RestoreParams{.ref = textRef("accounts/7"), .peer = {kFingerprint, "h:1"}}, pool_);
  ASSERT_TRUE(written.ok());
  StockReader reader(*written, hooks_);
  const auto root = reader.root<api::RestoreParams>();
  EXPECT_EQ(text(root.getRef().getAs<capnp::Text>()), "accounts/7");
  EXPECT_EQ(data(root.getPeer().getFingerprint()), kFingerprint);
  EXPECT_EQ(text(root.getPeer().getAddress()), "h:1");

  const auto read = readRestoreParams(*written, kMaxRef);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(textIn(read->ref), "accounts/7");
  EXPECT_EQ(read->peer.fingerprint, kFingerprint);
}

TEST_F(Control, BootstrapParams) {
  const auto written = write(BootstrapParams{.peer = {kFingerprint, "h:1"}}, pool_);
  const auto read = readBootstrapParams(written);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->peer.fingerprint, kFingerprint);
  EXPECT_EQ(read->peer.address, "h:1");
}

TEST_F(Control, SaveIsThatOfTheStandardInterface) {
  using Persistent = capnp::Persistent<capnp::Text, capnp::AnyPointer>;
  const auto written = write(SaveResults{.sturdy_ref = textRef("capnp://u")}, pool_);
  ASSERT_TRUE(written.ok());
  EXPECT_EQ(text(StockReader(*written, hooks_).root<Persistent::SaveResults>().getSturdyRef()),
            "capnp://u");

  stock_.root<Persistent::SaveResults>().setSturdyRef("accounts/7");
  const auto results = readSaveResults(stock_.message(pool_), kMaxRef);
  ASSERT_TRUE(results.ok());
  EXPECT_EQ(textIn(results->sturdy_ref), "accounts/7");

  StockWriter params;
  params.root<Persistent::SaveParams>().getSealFor().setAs<capnp::Text>("somebody");
  EXPECT_EQ(textIn(readSaveParams(params.message(pool_), kMaxRef)->seal_for), "somebody");
  const auto ours = write(SaveParams{.seal_for = textRef("us")}, pool_);
  ASSERT_TRUE(ours.ok());
  EXPECT_EQ(text(StockReader(*ours, hooks_)
                     .root<Persistent::SaveParams>()
                     .getSealFor()
                     .getAs<capnp::Text>()),
            "us");
}

TEST_F(Control, AnEmptyOrNullMessageHasAllDefaults) {
  for (const wire::InMessage& message : {wire::InMessage(), nullMessage(pool_)}) {
    EXPECT_EQ(readImportParams(message)->uri, "");
    EXPECT_EQ(readExportParams(message)->capability, std::nullopt);
    EXPECT_EQ(readPublishParams(message, kMaxRef)->ref, "");
    EXPECT_EQ(readSaveParams(message, kMaxRef)->seal_for, "");
    EXPECT_EQ(readCapabilityResults(message).capability, std::nullopt);
    EXPECT_EQ(readBootstrapParams(message)->peer.fingerprint, "");
  }
}

TEST_F(Control, FieldsOfALaterVersionAreIgnored) {
  // A struct with more data and pointers than we know, all set.
  const std::vector<uint64_t> words{wire::structWord(0, 2, 3),
                                    1,
                                    ~uint64_t{0},
                                    wire::listWord(2, wire::kByteList, 4),
                                    wire::listWord(1, wire::kByteList, 4),
                                    wire::capabilityWord(0),
                                    0x00646463};
  const std::span<const uint64_t> segment(words);
  const auto read = readImportParams(wire::messageOf({&segment, 1}, pool_));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->uri, "cdd");
  EXPECT_TRUE(read->reconnect);
}

TEST_F(Control, LongTextsTakeMoreThanOneSegment) {
  const std::string uri(100'000, 'u');
  const auto written = write(ExportResults{.uri = uri, .handle = 0}, pool_);
  StockReader reader(written, hooks_);
  EXPECT_EQ(text(reader.root<api::ExportResults>().getUri()), uri);
  EXPECT_TRUE(reader.root<api::ExportResults>().hasHandle());
  const auto read = readExportResults(written);
  EXPECT_EQ(read->uri, uri);
  EXPECT_EQ(read->handle, 0u);
}

}  // namespace
}  // namespace vatmesh::schema
