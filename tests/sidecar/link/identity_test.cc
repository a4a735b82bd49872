// SPDX-License-Identifier: Apache-2.0
#include "sidecar/link/identity.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "rpc/sturdy/identity.h"
#include "tests/fakes/temp_dir.h"

namespace vatmesh::link {
namespace {

class IdentityTest : public testing::Test {
 protected:
  test::TempDir folder_;
  config::Config config_;
  wire::BufferPool pool_;
  Logger log_{LogLevel::kInfo, LogFormat::kText, [](std::string_view) {}};
};

TEST_F(IdentityTest, MakesItsKeyWhenItIsFirstNeededAndNotBefore) {
  config_.key_file = folder_ / "vat.key";
  Identity identity(config_, pool_, log_);
  EXPECT_FALSE(identity.loaded());
  EXPECT_FALSE(std::filesystem::exists(config_.key_file));
  ASSERT_TRUE(identity.load().ok());
  EXPECT_TRUE(std::filesystem::exists(config_.key_file));
  const std::string fingerprint = identity.fingerprint();
  ASSERT_TRUE(identity.load().ok());
  EXPECT_EQ(identity.fingerprint(), fingerprint);
  Identity again(config_, pool_, log_);
  ASSERT_TRUE(again.load().ok());
  EXPECT_EQ(again.fingerprint(), fingerprint);
}

TEST_F(IdentityTest, IsANewOneEachTimeWithoutAFile) {
  Identity one(config_, pool_, log_), other(config_, pool_, log_);
  ASSERT_TRUE(one.load().ok() && other.load().ok());
  EXPECT_NE(one.fingerprint(), other.fingerprint());
}

TEST_F(IdentityTest, RefusesAnotherKeyThanTheConfiguredOneAndMakesNone) {
  config_.key_file = folder_ / "vat.key";
  config_.fingerprint = std::string(32, 'x');
  Identity none(config_, pool_, log_);
  EXPECT_EQ(none.load().code(), Code::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(config_.key_file));
  config::Config unchecked = config_;
  unchecked.fingerprint.reset();
  ASSERT_TRUE(Identity(unchecked, pool_, log_).load().ok());
  const Status refused = Identity(config_, pool_, log_).load();
  EXPECT_EQ(refused.code(), Code::kRefused);
  EXPECT_NE(refused.message().find(sturdy::printFingerprint(*config_.fingerprint)),
            std::string::npos);
}

}  // namespace
}  // namespace vatmesh::link
