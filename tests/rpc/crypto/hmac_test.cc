// SPDX-License-Identifier: Apache-2.0
#include "rpc/crypto/hmac.h"

#include <gtest/gtest.h>

#include "rpc/base/bytes.h"
#include "rpc/base/encoding.h"

namespace vatmesh::crypto {
namespace {

std::string hex(const std::string& bytes) {
  return hexEncode(bytesOf(bytes));
}

// RFC 4231.
TEST(HmacSha256, GivesThePublishedCodes) {
  EXPECT_EQ(hex(hmacSha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hex(hmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(HmacSha256, HashesAKeyThatIsLongerThanABlock) {
  EXPECT_EQ(hex(hmacSha256(std::string(131, '\xaa'),
                           "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

}  // namespace
}  // namespace vatmesh::crypto
