// SPDX-License-Identifier: Apache-2.0
#include "rpc/sturdy/percent.h"

#include <gtest/gtest.h>

namespace vatmesh::sturdy {
namespace {

TEST(PercentDecode, LeavesWhatIsNoEscape) {
  EXPECT_EQ(percentDecode("a%20b"), "a b");
  EXPECT_EQ(percentDecode("%zz%4%%41"), "%zz%4%A");
  EXPECT_EQ(percentDecode("%"), "%");
  EXPECT_EQ(percentDecode("%00"), std::string(1, '\0'));
}

TEST(PercentEncode, LeavesBareWhatEachPartMayHold) {
  EXPECT_EQ(percentEncodePath("a b:@!$&'()*+,;=-._~?#%"), "a%20b:@!$&'()*+,;=-._~%3F%23%25");
  EXPECT_EQ(percentEncodeHost("a.b_c~d-e:!"), "a.b_c~d-e%3A%21");
}

TEST(NormalizePath, CutsBeforeItDecodes) {
  EXPECT_EQ(normalizePath("/a%2fb//%41"), "/a%2Fb//A");
  EXPECT_EQ(normalizePath(""), "");
}

TEST(BareOrEscaped, CountsTheCharactersOfOne) {
  EXPECT_EQ(bareOrEscaped("a"), 1u);
  EXPECT_EQ(bareOrEscaped("%2a"), 3u);
  EXPECT_EQ(bareOrEscaped("%2"), 0u);
  EXPECT_EQ(bareOrEscaped(":"), 0u);
  EXPECT_EQ(bareOrEscaped(""), 0u);
}

}  // namespace
}  // namespace vatmesh::sturdy
