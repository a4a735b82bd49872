// SPDX-License-Identifier: Apache-2.0
//
// What becomes of a peer's save: what is kept, and what the peer is told.
#include "sidecar/restore/gateway.h"

#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "rpc/schema/control.h"
#include "rpc/schema/object_ref.h"
#include "rpc/sturdy/identity.h"
#include "rpc/wire/forward.h"
#include "rpc/wire/pointer.h"
#include "rpc/wire/root.h"
#include "tests/fakes/hub_fixture.h"

namespace vatmesh::restore {
namespace {

using captp::LinkKind;
using schema::PersistentInterface;
using schema::SaveParams;
using schema::SaveResults;
using wire::MessageKind;

constexpr const char* kUri = "capnp://insecure@127.0.0.1:7000/bWFpbg";
const store::UnixTime kNow{std::chrono::milliseconds(1234)};

class GatewayTest : public test::HubFixture {
 protected:
  // What was to be kept, until the test says how it went.
  struct Kept {
    store::Record record;
    Publisher::OnPublished publish;

    void done(Result<std::string> uri) {
      publish(uri.ok() ? Result<Published>(Published{*uri, {}}) : Result<Published>(uri.status()));
    }
  };

  GatewayTest() {
    link::Link* link = nullptr;
    app_ = connect(LinkKind::kApp, apps_, &link);
    app_link_ = link->id();
    hub_.makeGateway(app_link_);
    peers_.answer = vat::BootstrapOf{.link = app_link_, .object_id = {}};
    peer_ = connect(LinkKind::kPeer, peers_);
    peer_->bootstrap(0);
    until([&] { return app_->find(MessageKind::kBootstrap) != nullptr; });
    app_->offer(app_->find(MessageKind::kBootstrap)->id);
    until([&] { return peer_->returned(0) != nullptr; });
  }

  // Begins a save, the peer's question 1 by default; gives the application's own question.
  uint32_t save(const std::string& seal_for = {}, uint32_t question = 1) {
    const int before = app_->count(MessageKind::kCall);
    wire::InMessage message = std::move(*schema::write(SaveParams{.seal_for = seal_for}, pool_));
    const wire::Payload payload = wire::rootPayload(message);
    wire::OutCall call;
    call.question_id = question;
    call.target.id = target_;
    call.interface_id = PersistentInterface::kId;
    call.method_id = PersistentInterface::kSave;
    peer_->send(wire::forwardCall(peer_->frames(), std::move(message), payload, call, {}));
    until([&] { return app_->count(MessageKind::kCall) > before; });
    return app_->all(MessageKind::kCall).back()->id;
  }
  void answer(uint32_t question, wire::InMessage results,
              const std::vector<wire::OutDescriptor>& capabilities = {}) {
    const wire::Payload payload = wire::rootPayload(results);
    app_->send(wire::forwardReturn(app_->frames(), std::move(results), payload,
                                   {.answer_id = question}, capabilities));
  }
  // The application calls its object `name`, an object ref.
  void answer(uint32_t question, const std::string& name) {
    answer(question, std::move(*schema::write(SaveResults{.sturdy_ref = name}, pool_)));
  }
  // How the peer's save ended: the URI that it got, or the exception.
  std::string ended() {
    until([&] { return peer_->returned(1) != nullptr; });
    const wire::Envelope& returned = *peer_->returned(1);
    if (returned.return_kind == wire::ReturnKind::kException) {
      why_ = codeFromWireType(returned.exception.type);
      return returned.exception.reason;
    }
    wire::InMessage message = wire::copyOf(*peer_->message(returned), pool_);
    wire::makeRoot(message, returned.payload);
    const auto results = schema::readSaveResults(message, store::kMaxObjectRefBytes);
    return schema::textIn(results->sturdy_ref).value_or("no Text");
  }
  void untilKept() {
    until([&] { return !kept_.empty(); });
  }

  // The peer's object is behind a gate from now on, in front of what came from kRef.
  void restoreAgain() {
    peers_.answer.reset();
    peer_->bootstrap(2);
    until([&] { return peers_.ops.size() == 2; });
    gate_ = hub_.completeGated(peers_.ops.back(), {.link = app_link_, .object_id = {}}, {});
    until([&] { return app_->count(MessageKind::kBootstrap) == 2; });
    app_->offer(app_->all(MessageKind::kBootstrap).back()->id);
    until([&] { return peer_->returned(2) != nullptr; });
    target_ = peer_->returned(2)->descriptors[0].id;
  }

  const store::Digest kRef = *store::Digest::fromBytes(std::string(32, '\x11'));
  Result<store::Record> ref_ = store::Record();
  bool exported_ = false;
  captp::ObjectId gate_{~uint64_t{0}};
  uint32_t target_ = 0;
  std::vector<Kept> kept_;
  bool restores_ = true;
  std::optional<Code> why_;
  Gateway gateway_{
      hub_,
      {.publish = [this](store::Record record,
                         auto done) { kept_.push_back({std::move(record), std::move(done)}); },
       .info =
           [this](const store::Digest& digest, const auto& done) {
             EXPECT_EQ(digest, kRef);
             done(ref_);
           },
       .ref_of = [this](captp::ObjectId gate) -> std::optional<store::Digest> {
         if (gate == gate_) return kRef;
         return std::nullopt;
       },
       .is_export = [this](const store::Digest& ref) { return ref == kRef && exported_; },
       .restores_from =
           [this](captp::LinkId host) {
             EXPECT_EQ(host, app_link_);
             return restores_;
           },
       .now = [] { return kNow; }}};
  test::RecordingOwner apps_, peers_;
  captp::LinkId app_link_;
  std::unique_ptr<test::RawVat> app_, peer_;
};

TEST_F(GatewayTest, KeepsTheApplicationsNameAndAnswersTheUri) {
  answer(save(), schema::textRef("accounts/7"));
  untilKept();
  const store::Record& record = kept_[0].record;
  EXPECT_EQ(record.object_ref, schema::textRef("accounts/7"));
  EXPECT_EQ(record.label, "accounts/7");
  EXPECT_EQ(record.owner, std::nullopt);  // it has shown no key
  EXPECT_EQ(record.sealed_for, std::nullopt);
  EXPECT_EQ(record.notes, (std::vector<store::AuditNote>{{kNow, "saved by test"}}));
  kept_[0].done(std::string(kUri));
  EXPECT_EQ(ended(), kUri);
}

// As on the wire of the OCaml library (spec of its network, 6): SaveResults is one pointer to the
// Text itself.
TEST_F(GatewayTest, AnswersInTheEncodingOfTheOcamlLibrary) {
  answer(save(), schema::textRef("accounts/7"));
  untilKept();
  kept_[0].done(std::string(kUri));
  ended();
  const wire::Envelope& returned = *peer_->returned(1);
  const wire::Payload& payload = returned.payload;
  const auto words = peer_->message(returned)->segment(payload.content_at.segment);
  EXPECT_EQ(payload.content_word >> 32, 0x00010000u);  // no data, one pointer
  const auto at =
      static_cast<size_t>(payload.content_at.offset + 1 + wire::nearOffset(payload.content_word));
  EXPECT_EQ(words[at], 0x0000013a00000001u);  // a list of 39 bytes right behind it
  EXPECT_EQ(std::memcmp(&words[at + 1], kUri, 39), 0);
  EXPECT_TRUE(returned.descriptors.empty());
}

TEST_F(GatewayTest, AnswersOnlyOnceTheRefIsDurable) {
  answer(save(), schema::textRef("accounts/7"));
  untilKept();
  turns();
  EXPECT_EQ(peer_->returned(1), nullptr);
  kept_[0].done(Status(Code::kOverloaded, "the store can't be used now; try again"));
  EXPECT_EQ(ended(), "save: the store can't be used now; try again");
  EXPECT_EQ(why_, Code::kOverloaded);
}

TEST_F(GatewayTest, KeepsNamesOfAnyType) {
  const std::string name(
      "\1\0\0\0\x0a\1\0\0\1\2\3\4\5\6\7\x08"
      "abcdefgh"
      "ijklmnop"
      "qrstuvwx"
      "y\0\0\0\0\0\0\0",
      48);
  answer(save(), name);
  untilKept();
  EXPECT_EQ(schema::dataIn(kept_[0].record.object_ref), schema::dataIn(name));
  EXPECT_EQ(kept_[0].record.label, "");
  kept_[0].done(std::string(kUri));
}

TEST_F(GatewayTest, LabelsNoLongName) {
  answer(save(), schema::textRef(std::string(65, 'x')));
  untilKept();
  EXPECT_EQ(kept_[0].record.label, "");
  kept_[0].done(std::string(kUri));
}

TEST_F(GatewayTest, SealsForAFingerprintAsText) {
  const std::string raw(32, '\x42');
  answer(save(schema::textRef(sturdy::printFingerprint(raw))), schema::textRef("a"));
  untilKept();
  EXPECT_EQ(kept_[0].record.sealed_for, store::Digest::fromBytes(raw));
  kept_[0].done(std::string(kUri));
}

TEST_F(GatewayTest, SealsForAFingerprintAsData) {
  std::string raw(31, '\x42');
  raw += '\0';  // looks like the end of a Text
  const std::string data = std::string("\1\0\0\0\2\1\0\0", 8) + raw;
  answer(save(data), schema::textRef("a"));
  untilKept();
  EXPECT_EQ(kept_[0].record.sealed_for, store::Digest::fromBytes(raw));
  kept_[0].done(std::string(kUri));
}

TEST_F(GatewayTest, SavesThroughARefNoLongerThanThatRefLasts) {
  ref_->expires = kNow + std::chrono::hours(1);
  restoreAgain();
  answer(save(), schema::textRef("a"));
  untilKept();
  EXPECT_EQ(kept_[0].record.expires, ref_->expires);
  EXPECT_EQ(kept_[0].record.sealed_for, std::nullopt);
  EXPECT_EQ(kept_[0].record.notes[0].text,
            "saved by test through the sturdy ref " + kRef.shortName());
  kept_[0].done(std::string(kUri));
  EXPECT_EQ(ended(), kUri);
}

TEST_F(GatewayTest, SavesThroughASealedRefForTheSamePeerOnly) {
  ref_->sealed_for = store::Digest::fromBytes(std::string(32, '\x42'));
  restoreAgain();
  answer(save(), schema::textRef("a"));
  untilKept();
  EXPECT_EQ(kept_[0].record.sealed_for, ref_->sealed_for);
  kept_[0].done(std::string(kUri));
}

TEST_F(GatewayTest, RefusesToSealForOneWhatIsSealedForAnother) {
  ref_->sealed_for = store::Digest::fromBytes(std::string(32, '\x42'));
  restoreAgain();
  const std::string other = sturdy::printFingerprint(std::string(32, '\x43'));
  answer(save(schema::textRef(other)), schema::textRef("a"));
  EXPECT_EQ(ended(), "save: the object came from a ref that is sealed for another peer");
}

TEST_F(GatewayTest, KeepsNothingThroughARefThatWasTakenBackMeanwhile) {
  ref_ = Status(Code::kNotFound, "no such ref");
  restoreAgain();
  answer(save(), schema::textRef("a"));
  EXPECT_EQ(ended(), "save: the sturdy ref " + kRef.shortName() + " was revoked");
  EXPECT_TRUE(kept_.empty());
}

TEST_F(GatewayTest, KeepsNothingThroughAGateThatIsGone) {
  restoreAgain();
  gate_ = {};
  answer(save(), schema::textRef("a"));
  EXPECT_EQ(ended(),
            "save: the object came by a reference that was given back meanwhile; save it while it "
            "is held");
  EXPECT_TRUE(kept_.empty());
}

TEST_F(GatewayTest, SavesThroughALiveExportAsAnyOther) {
  ref_ = Status(Code::kNotFound, "no such ref");
  exported_ = true;
  restoreAgain();
  answer(save(), schema::textRef("a"));
  untilKept();
  EXPECT_EQ(kept_[0].record.expires, std::nullopt);
  kept_[0].done(std::string(kUri));
}

TEST_F(GatewayTest, KeepsNothingWhileTheRefThatItCameThroughCantBeRead) {
  ref_ = Status(Code::kOverloaded, "the store can't be used now; try again");
  restoreAgain();
  answer(save(), schema::textRef("a"));
  EXPECT_EQ(ended(), "save: the store can't be used now; try again");
  EXPECT_TRUE(kept_.empty());
}

TEST_F(GatewayTest, RefusesASealThatIsNoFingerprint) {
  answer(save(schema::textRef("the auditors")), schema::textRef("a"));
  EXPECT_EQ(ended(),
            "save: sealFor is no fingerprint: give a Text \"sha-256:...\" or the 32 bytes as Data");
  EXPECT_TRUE(kept_.empty());
}

TEST_F(GatewayTest, RefusesASealThatIsAStruct) {
  answer(save(std::string("\0\0\0\0\1\0\0\0\7\0\0\0\0\0\0\0", 16)), schema::textRef("a"));
  EXPECT_TRUE(ended().starts_with("save: sealFor is no fingerprint"));
}

TEST_F(GatewayTest, RefusesANameWithCapabilities) {
  answer(save(), wire::capabilityMessage(pool_),
         {{.kind = wire::DescriptorKind::kSenderHosted, .id = 7, .path = {}}});
  EXPECT_EQ(ended(),
            "save: the application's name for the object holds capabilities, which can't be kept");
  EXPECT_TRUE(kept_.empty());
  // Not held for nothing.
  until([&] { return app_->find(MessageKind::kRelease) != nullptr; });
}

TEST_F(GatewayTest, RefusesToKeepNoName) {
  answer(save(), std::string());
  EXPECT_TRUE(ended().starts_with("save: the application gave no name"));
}

TEST_F(GatewayTest, RefusesANameThatIsTooLarge) {
  answer(save(), schema::textRef(std::string(store::kMaxObjectRefBytes, 'x')));
  EXPECT_TRUE(ended().starts_with("save: the application gave no name"));
}

TEST_F(GatewayTest, RefusesWhatCouldNotBeRestored) {
  restores_ = false;
  answer(save(), schema::textRef("a"));
  EXPECT_EQ(ended(),
            "save: only objects of the application that `app` names can be saved, and this is "
            "another one's");
  EXPECT_TRUE(kept_.empty());
}

TEST_F(GatewayTest, SaysThatAnObjectCantBeSaved) {
  const uint32_t question = save();
  app_->send(wire::buildReturnException(app_->frames(), question, wireType(Code::kUnimplemented),
                                        "Unknown interface"));
  EXPECT_EQ(ended(), "save: the object does not implement Persistent (0xc8cb212fcd9f5691)");
  EXPECT_EQ(why_, Code::kUnimplemented);
}

TEST_F(GatewayTest, PassesTheApplicationsOwnFailureOn) {
  const uint32_t question = save();
  app_->send(wire::buildReturnException(app_->frames(), question, wireType(Code::kFailed),
                                        "not before it has a balance"));
  EXPECT_EQ(ended(), "not before it has a balance");
}

TEST_F(GatewayTest, HoldsNoMoreThanItMayWhileTheStoreIsSlow) {
  constexpr uint32_t kFits = Gateway::kMaxHeldBytes / store::kMaxObjectRefBytes;
  const std::string name = schema::textRef(std::string(store::kMaxObjectRefBytes - 64, 'x'));
  uint32_t question = 10;
  for (uint32_t i = 0; i + 1 < kFits; ++i) answer(save({}, question++), name);
  until([&] { return kept_.size() == kFits - 1; });
  for (int i = 0; i < 2; ++i) answer(save({}, question++), name);
  until([&] { return peer_->returned(question - 1) != nullptr; });
  EXPECT_EQ(peer_->returned(question - 1)->exception.reason,
            "save: too much that was saved waits for the store; try again");
  // There is room again when one is over.
  kept_[0].done(std::string(kUri));
  kept_.erase(kept_.begin());
  const size_t before = kept_.size();
  answer(save(), name);
  until([&] { return kept_.size() > before; });
}

TEST_F(GatewayTest, PeerThatLeavesMeanwhileIsHarmless) {
  answer(save(), schema::textRef("a"));
  untilKept();
  peer_->hangUp();
  until([&] { return !peers_.down.empty(); });
  kept_[0].done(std::string(kUri));
  turns();
}

TEST_F(GatewayTest, TellsNoNameAndNoUriInTheLog) {
  answer(save(), schema::textRef("accounts/7"));
  untilKept();
  kept_[0].done(std::string(kUri));
  ended();
  EXPECT_TRUE(logged("test saved an object as sturdy ref AAAAAAAAAA"));
  EXPECT_FALSE(logged("accounts/7"));
  EXPECT_FALSE(logged("bWFpbg"));
}

}  // namespace
}  // namespace vatmesh::restore
