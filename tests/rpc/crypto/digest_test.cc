// SPDX-License-Identifier: Apache-2.0
#include "rpc/crypto/digest.h"

#include <gtest/gtest.h>

#include "rpc/base/bytes.h"
#include "rpc/base/encoding.h"

namespace vatmesh::crypto {
namespace {

TEST(Sha256, GivesThePublishedDigests) {
  EXPECT_EQ(hexEncode(bytesOf(sha256(""))),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hexEncode(bytesOf(sha256("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(EqualConstantTime, ComparesContentAndLength) {
  EXPECT_TRUE(equalConstantTime("", ""));
  EXPECT_TRUE(equalConstantTime("abc", "abc"));
  EXPECT_FALSE(equalConstantTime("abc", "abd"));
  EXPECT_FALSE(equalConstantTime("abc", "ab"));
  EXPECT_FALSE(equalConstantTime(std::string_view("a\0b", 3), std::string_view("a\0c", 3)));
}

}  // namespace
}  // namespace vatmesh::crypto
