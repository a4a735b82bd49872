// SPDX-License-Identifier: Apache-2.0
#include "sidecar/config/scalar.h"

#include <array>
#include <chrono>
#include <string>

#include <gtest/gtest.h>

namespace vatmesh::config {
namespace {

using std::chrono::milliseconds;

TEST(Duration, ReadsWhatItPrints) {
  for (std::string text : {"0ms", "1ms", "250ms", "1s", "90s", "10m", "1h", "24000h"}) {
    auto duration = parseDuration(text);
    ASSERT_TRUE(duration) << text;
    EXPECT_EQ(printDuration(*duration), text);
  }
  EXPECT_EQ(parseDuration("1500ms"), milliseconds(1500));
  EXPECT_EQ(printDuration(milliseconds(60'000)), "1m");
}

TEST(Duration, RefusesBareNumbersAndOtherUnits) {
  for (const char* text : {"", "5", "ms", "1d", "1S", "1 s", "+1s", "1.5s", "0x1s", "1sm", "24001h",
                           "99999999999999999999s"}) {
    EXPECT_FALSE(parseDuration(text)) << text;
  }
}

TEST(Size, ReadsWhatItPrints) {
  for (std::string text : {"0B", "1023B", "1KiB", "64MiB", "1GiB", "1536MiB"}) {
    auto size = parseSize(text);
    ASSERT_TRUE(size) << text;
    EXPECT_EQ(printSize(*size), text);
  }
}

TEST(Size, RefusesBareNumbersAndOtherUnits) {
  for (const char* text : {"", "64", "64MB", "64M", "64kib", "1TiB", "-1KiB", "9999999999GiB"}) {
    EXPECT_FALSE(parseSize(text)) << text;
  }
}

TEST(Count, IsDecimal) {
  EXPECT_EQ(parseCount("0"), 0u);
  EXPECT_EQ(parseCount("18446744073709551615"), UINT64_MAX);
  for (const char* text : {"", "-1", "+1", "1e3", "0x10", "1_000", "18446744073709551616", " 1"}) {
    EXPECT_FALSE(parseCount(text)) << text;
  }
}

TEST(Quote, EscapesAndCutsAndHidesUris) {
  EXPECT_EQ(quote("a\"b\\c\n\x7f"), "\"a\\\"b\\\\c\\x0a\\x7f\"");
  EXPECT_EQ(quote("see capnp://insecure@h:1/c2VjcmV0"), "\"see capnp://…\"");
  EXPECT_EQ(quote("CAPNP://insecure@h:1/c2VjcmV0"), "\"CAPNP://…\"");
  EXPECT_EQ(quote("capnp:/sha-256:AAAA@h:1/c2VjcmV0"), "\"capnp:/sha-256:AAAA@…\"");
  EXPECT_EQ(quote("sha-256:AAAA"), "\"sha-256:AAAA\"");
  EXPECT_EQ(quote(std::string(101, 'x')), "\"" + std::string(100, 'x') + "…\"");
}

TEST(Nearest, FindsSlipsAndNothingElse) {
  constexpr std::array<std::string_view, 5> kWords{"listen", "limits", "key", "warning", "app"};
  EXPECT_EQ(nearest("lisen", kWords), "listen");
  EXPECT_EQ(nearest("litsen", kWords), "listen");
  EXPECT_EQ(nearest("LISTEN", kWords), "listen");
  EXPECT_EQ(nearest("warn", kWords), "warning");
  EXPECT_EQ(nearest("yek", kWords), "key");
  EXPECT_EQ(nearest("zzz", kWords), "");
  EXPECT_EQ(nearest("banana", kWords), "");
  EXPECT_EQ(nearest("", kWords), "");
  EXPECT_EQ(nearest(std::string(100'000, 'l'), kWords), "");
}

}  // namespace
}  // namespace vatmesh::config
