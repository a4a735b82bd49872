// SPDX-License-Identifier: Apache-2.0
#include "rpc/sturdy/identity.h"

#include <string>

#include <gtest/gtest.h>

#include "rpc/base/encoding.h"

namespace vatmesh::sturdy {
namespace {

const std::string kText = "sha-256:3pywQipBn7l-TEDuDkdqL-_pcmHT6WIn02N-Q5TMHZY";

TEST(Fingerprint, ReadsWhatItPrints) {
  Result<std::string> digest = parseFingerprint(kText);
  ASSERT_TRUE(digest.ok());
  EXPECT_EQ(digest->size(), 32u);
  EXPECT_EQ(printFingerprint(*digest), kText);
  EXPECT_EQ(shortFingerprint(*digest), "3pywQipBn7");
}

TEST(Fingerprint, IsInsecureWithoutADigest) {
  EXPECT_EQ(printFingerprint(""), "insecure");
  EXPECT_EQ(shortFingerprint(""), "insecure");
}

TEST(Fingerprint, RefusesEveryOtherSpelling) {
  for (std::string text :
       {std::string(), std::string("insecure"), kText + "=", kText + " ", kText.substr(0, 50),
        "SHA" + kText.substr(3), kText.substr(8), "sha-256@" + kText.substr(8),
        kText.substr(0, kText.size() - 1) + "Z", "sha-256:" + std::string(43, '+')}) {
    EXPECT_FALSE(parseFingerprint(text).ok()) << text;
  }
}

}  // namespace
}  // namespace vatmesh::sturdy
