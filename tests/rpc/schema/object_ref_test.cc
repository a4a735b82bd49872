// SPDX-License-Identifier: Apache-2.0
#include "rpc/schema/object_ref.h"

#include <cstring>

#include <gtest/gtest.h>

#include "rpc/schema/control.h"
#include "tests/rpc/schema/stock.h"

namespace vatmesh::schema {
namespace {

using test::Hooks;
using test::StockReader;
using test::StockWriter;

constexpr size_t kMaxRef = 4096;

class ObjectRef : public testing::Test {
 protected:
  // What a program gives as its name for an object, as we keep it.
  Result<std::string> kept(size_t max_bytes = kMaxRef) {
    Result<PublishParams> read = readPublishParams(stock_.message(pool_), max_bytes);
    if (!read.ok()) return read.status();
    return std::move(read->ref);
  }
  capnp::AnyPointer::Builder name() { return stock_.root<api::PublishParams>().getRef(); }

  wire::BufferPool pool_;
  Hooks hooks_{3};
  StockWriter stock_;
};

TEST_F(ObjectRef, OfATextIsThePointerAndTheText) {
  uint64_t words[2];
  const std::string ref = textRef("abcdefg");
  ASSERT_EQ(ref.size(), sizeof words);
  std::memcpy(words, ref.data(), sizeof words);
  EXPECT_EQ(words[0], wire::listWord(0, wire::kByteList, 8));
  EXPECT_EQ(textIn(ref), "abcdefg");
}

TEST_F(ObjectRef, OfAProgramsTextIsTheSameBytes) {
  for (const size_t size : {0, 1, 7, 8, 9, 100, 1000}) {
    const std::string text(size, 't');
    name().setAs<capnp::Text>(capnp::Text::Reader(text.c_str(), text.size()));
    EXPECT_EQ(*kept(), textRef(text)) << size;
  }
}

TEST_F(ObjectRef, OfAProgramsDataIsReadWithItsZeros) {
  const std::string bytes("a\0b\0", 4);
  name().setAs<capnp::Data>(
      capnp::Data::Reader(reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()));
  EXPECT_EQ(dataIn(*kept()), bytes);
  EXPECT_EQ(dataIn(textRef("text")), std::string("text\0", 5));
  EXPECT_EQ(dataIn(""), std::nullopt);
  name().initAs<api::Peer>();
  EXPECT_EQ(dataIn(*kept()), std::nullopt);
}

TEST_F(ObjectRef, OfNothingIsEmpty) {
  name();
  EXPECT_EQ(*kept(), "");
  const auto written = write(RestoreParams{}, pool_);
  ASSERT_TRUE(written.ok());
  EXPECT_TRUE(StockReader(*written, hooks_).root<api::RestoreParams>().getRef().isNull());
}

TEST_F(ObjectRef, OfAnyStructComesBack) {
  auto peer = name().initAs<api::Peer>();
  peer.setAddress("an address");
  peer.initFingerprint(32)[5] = 7;
  const auto ref = kept();
  ASSERT_TRUE(ref.ok());
  EXPECT_EQ(textIn(*ref), std::nullopt);

  const auto written = write(RestoreParams{.ref = *ref, .peer = {}}, pool_);
  ASSERT_TRUE(written.ok());
  StockReader reader(*written, hooks_);
  const auto back = reader.root<api::RestoreParams>().getRef().getAs<api::Peer>();
  EXPECT_STREQ(back.getAddress().cStr(), "an address");
  EXPECT_EQ(back.getFingerprint()[5], 7);
}

TEST_F(ObjectRef, OfManySegmentsBecomesOne) {
  // Each is larger than what is left of the segment before.
  auto list = name().initAs<capnp::List<capnp::Data>>(3);
  for (uint i = 0; i < 3; ++i) list.init(i, 10'000 << i)[1] = static_cast<kj::byte>(i);
  const auto ref = kept(1 << 20);
  ASSERT_TRUE(ref.ok());
  const auto written = write(SaveResults{.sturdy_ref = *ref}, pool_);
  ASSERT_TRUE(written.ok());
  StockReader reader(*written, hooks_);
  const auto back =
      reader.root<api::SaveResults>().getSturdyRef().getAs<capnp::List<capnp::Data>>();
  ASSERT_EQ(back.size(), 3u);
  EXPECT_EQ(back[2].size(), 40'000u);
  EXPECT_EQ(back[2][1], 2);
}

TEST_F(ObjectRef, WithCapabilitiesIsRefused) {
  auto export_ = name().initAs<api::ExportParams>();
  export_.setCapability(hooks_.client(0));
  EXPECT_EQ(kept().status().code(), Code::kFailed);

  StockWriter other;
  other.root<api::PublishParams>().getRef().setAs<capnp::Capability>(hooks_.client(0));
  EXPECT_FALSE(readPublishParams(other.message(pool_), kMaxRef).ok());
}

TEST_F(ObjectRef, IsTakenUpToItsBound) {
  const std::string text(800, 't');  // with its pointer and NUL: 102 words
  name().setAs<capnp::Text>(capnp::Text::Reader(text.c_str(), text.size()));
  EXPECT_TRUE(kept(102 * 8).ok());
  EXPECT_FALSE(kept(102 * 8 - 1).ok());
  EXPECT_FALSE(kept(101 * 8).ok());
  EXPECT_FALSE(kept(8).ok());
  EXPECT_FALSE(kept(0).ok());
}

TEST_F(ObjectRef, FromAStoreMayBeAnyBytes) {
  std::string not_words = textRef("abcdefg");
  not_words.pop_back();
  std::string outside = textRef("abcdefgh");
  outside.resize(16);
  std::string capability(8, '\0');
  capability[0] = 3;
  for (const std::string& bad : {std::string("x"), not_words, outside, capability}) {
    EXPECT_EQ(textIn(bad), std::nullopt);
    EXPECT_EQ(write(RestoreParams{.ref = bad, .peer = {}}, pool_).status().code(), Code::kCorrupt);
    EXPECT_EQ(write(SaveResults{.sturdy_ref = bad}, pool_).status().code(), Code::kCorrupt);
  }
  // Eight NULs are a null pointer.
  EXPECT_TRUE(write(RestoreParams{.ref = std::string(8, '\0'), .peer = {}}, pool_).ok());
}

}  // namespace
}  // namespace vatmesh::schema
