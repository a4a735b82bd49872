// SPDX-License-Identifier: Apache-2.0
#include "rpc/base/log.h"

#include <vector>

#include <gtest/gtest.h>

namespace vatmesh {
namespace {

struct Lines {
  std::vector<std::string> lines;
  Logger::Sink sink() {
    return [this](std::string_view line) { lines.emplace_back(line); };
  }
};

TEST(Logger, LeavesOutWhatIsBelowItsLevel) {
  Lines out;
  Logger log(LogLevel::kWarning, LogFormat::kText, out.sink());
  log.info("link", "quiet");
  log.warning("link", "loud");
  EXPECT_EQ(out.lines, std::vector<std::string>{"warning link: loud"});
  EXPECT_EQ(log.count(LogLevel::kInfo), 0u);
  EXPECT_EQ(log.count(LogLevel::kWarning), 1u);
}

TEST(Logger, KeepsAPeersTextOnOneLine) {
  Lines out;
  Logger log(LogLevel::kDebug, LogFormat::kText, out.sink());
  log.error("link", "bad\nerror link: forged\x1b[2J");
  EXPECT_EQ(out.lines[0], "error link: bad\\u000aerror link: forged\\u001b[2J");
}

TEST(Logger, WritesJsonThatQuotesCannotBreak) {
  Lines out;
  Logger log(LogLevel::kDebug, LogFormat::kJson, out.sink(), [] { return "T"; });
  log.info("tls", "a \"b\" \\ c");
  EXPECT_EQ(out.lines[0], R"({"ts":"T","level":"info","component":"tls","msg":"a \"b\" \\ c"})");
}

TEST(LogLevel, HasANameBothWays) {
  EXPECT_EQ(logLevelFromName("warning"), LogLevel::kWarning);
  EXPECT_EQ(logLevelFromName("loud"), std::nullopt);
  EXPECT_EQ(logLevelName(LogLevel::kError), "error");
}

}  // namespace
}  // namespace vatmesh
