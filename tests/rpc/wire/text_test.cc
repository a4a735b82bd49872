// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/text.h"

#include <gtest/gtest.h>

namespace vatmesh::wire {
namespace {

std::string clean(std::string_view text, size_t max_bytes = 100) {
  std::string out = "what was there before";
  assignClean(out, text, max_bytes);
  return out;
}

TEST(AssignClean, KeepsValidTextOfEveryLength) {
  EXPECT_EQ(clean(""), "");
  EXPECT_EQ(clean("plain\ttext\n"), "plain\ttext\n");
  EXPECT_EQ(clean("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf"),
            "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf");
}

TEST(AssignClean, ReplacesEachByteThatBelongsToNoCharacter) {
  EXPECT_EQ(clean(std::string_view("a\0b", 3)), "a?b");
  EXPECT_EQ(clean("\x80"), "?");
  EXPECT_EQ(clean("\xc0\xaf"), "??") << "overlong";
  EXPECT_EQ(clean("\xe0\x80\xaf"), "???") << "overlong";
  EXPECT_EQ(clean("\xf0\x80\x80\xaf"), "????") << "overlong";
  EXPECT_EQ(clean("\xed\xa0\x80"), "???") << "surrogate";
  EXPECT_EQ(clean("\xf4\x90\x80\x80"), "????") << "beyond the last plane";
  EXPECT_EQ(clean("\xf5\x80\x80\x80"), "????");
  EXPECT_EQ(clean("a\xe2\x82"), "a??") << "cut short";
  EXPECT_EQ(clean("\xe2z\x82"), "?z?");
}

TEST(AssignClean, CutsBetweenCharacters) {
  EXPECT_EQ(clean("abcdef", 3), "abc");
  EXPECT_EQ(clean("ab\xe2\x82\xac", 4), "ab");
  EXPECT_EQ(clean("ab\xe2\x82\xac", 5), "ab\xe2\x82\xac");
}

TEST(CutText, CutsBetweenCharacters) {
  EXPECT_EQ(cutText("abc", 3), "abc");
  EXPECT_EQ(cutText("abcd", 3), "abc");
  EXPECT_EQ(cutText("ab\xe2\x82\xac", 4), "ab");
  EXPECT_EQ(cutText("\xe2\x82\xac", 2), "");
}

}  // namespace
}  // namespace vatmesh::wire
