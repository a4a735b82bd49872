// SPDX-License-Identifier: Apache-2.0
#include "rpc/base/encoding.h"

#include <gtest/gtest.h>

namespace vatmesh {
namespace {

TEST(Base64Url, EncodesWithoutPadding) {
  EXPECT_EQ(base64UrlEncode(bytesOf("")), "");
  EXPECT_EQ(base64UrlEncode(bytesOf("m")), "bQ");
  EXPECT_EQ(base64UrlEncode(bytesOf("main")), "bWFpbg");
  EXPECT_EQ(base64UrlEncode(bytesOf("\xfb\xff\xfe")), "-__-");
}

TEST(Base64Url, DecodesAsLenientlyAsTheNetwork) {
  EXPECT_EQ(base64UrlDecode("bWFpbg"), "main");
  EXPECT_EQ(base64UrlDecode("bWFpbg=="), "main");
  EXPECT_EQ(base64UrlDecode("bWFpbg======"), "main");
  EXPECT_EQ(base64UrlDecode("bWFpbh"), "main");  // trailing bits are not zero
  EXPECT_EQ(base64UrlDecode("A"), "");
}

TEST(Base64Url, RefusesForeignCharacters) {
  for (const char* text : {"bW+p", "bW/p", "bW p", "b%57", "bW.p", "=bWp"}) {
    EXPECT_EQ(base64UrlDecode(text), std::nullopt) << text;
  }
}

TEST(Base64Url, RoundTripsEveryLength) {
  std::string bytes;
  for (int i = 0; i < 70; ++i) {
    EXPECT_EQ(base64UrlDecode(base64UrlEncode(bytesOf(bytes))), bytes);
    bytes += static_cast<char>(i * 37);
  }
}

TEST(Hex, IsLowerCase) {
  EXPECT_EQ(hexEncode(bytesOf(std::string_view("\x00\xab\x7f", 3))), "00ab7f");
}

}  // namespace
}  // namespace vatmesh
