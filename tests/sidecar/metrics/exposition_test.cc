// SPDX-License-Identifier: Apache-2.0
//
// What a scraper reads: names, label combinations, both formats.
#include "sidecar/metrics/exposition.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace vatmesh::metrics {
namespace {

struct Fixture {
  Counters sidecar;
  captp::Counters engine;
  std::optional<bool> store_up;

  std::string text(Format format = Format::kText) const {
    return render({.sidecar = sidecar,
                   .engine = engine,
                   .tables = {.questions = 7},
                   .log_messages = {0, 3, 0, 0},
                   .start_time_seconds = 1234,
                   .ready = true,
                   .store_up = store_up,
                   .version = "1.2.3",
                   .tls_library = "boringssl"},
                  format);
  }
};

bool hasLine(const std::string& text, const std::string& wanted) {
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    if (line == wanted) return true;
  }
  return false;
}

int linesStartingWith(const std::string& text, const std::string& prefix) {
  std::istringstream lines(text);
  std::string line;
  int count = 0;
  while (std::getline(lines, line)) count += line.starts_with(prefix) ? 1 : 0;
  return count;
}

TEST(Exposition, ShowsEveryCombinationOfLabelsFromTheStart) {
  const std::string text = Fixture().text();
  EXPECT_EQ(linesStartingWith(text, "vatmesh_connections_opened_total{"), 2 * 4);
  EXPECT_EQ(linesStartingWith(text, "vatmesh_connections_closed_total{"), 2 * 4 * 9);
  EXPECT_EQ(linesStartingWith(text, "vatmesh_connections_refused_total{"), 2);
  EXPECT_EQ(linesStartingWith(text, "vatmesh_flow_control_pauses_total{"), 2 * 4);
  EXPECT_EQ(linesStartingWith(text, "vatmesh_overload_actions_total{"), 4);
  EXPECT_EQ(linesStartingWith(text, "vatmesh_tls_handshakes_total{"), 2 * 4);
  EXPECT_EQ(linesStartingWith(text, "vatmesh_calls_total{"), 2 * 6);
  EXPECT_EQ(linesStartingWith(text, "vatmesh_messages_total{"), 2 * 16);
  EXPECT_EQ(linesStartingWith(text, "vatmesh_restores_total{"), 6);
  EXPECT_EQ(linesStartingWith(text, "vatmesh_store_operations_total{"), 4 * 8);
  EXPECT_EQ(linesStartingWith(text, "vatmesh_log_messages_total{"), 4);
}

TEST(Exposition, ShowsWhatWasCountedUnderItsLabels) {
  Fixture fixture;
  ConnectionCounts& peers = fixture.sidecar.of(Direction::kIn, Transport::kTls);
  peers.opened = 5;
  peers.open = 2;
  peers.closed[at(CloseReason::kPeerClose)] = 3;
  fixture.sidecar.handshakes[at(Direction::kOut)][at(HandshakeResult::kBadKey)] = 4;
  fixture.sidecar.live_exports = 2;
  const std::string text = fixture.text();
  EXPECT_TRUE(
      hasLine(text, "vatmesh_connections_opened_total{direction=\"in\",transport=\"tls\"} 5"));
  EXPECT_TRUE(hasLine(text, "vatmesh_connections_open{direction=\"in\",transport=\"tls\"} 2"));
  EXPECT_TRUE(hasLine(text,
                      "vatmesh_connections_closed_total{direction=\"in\",transport=\"tls\","
                      "reason=\"peer_close\"} 3"));
  EXPECT_TRUE(
      hasLine(text, "vatmesh_tls_handshakes_total{direction=\"out\",result=\"bad_key\"} 4"));
  EXPECT_TRUE(hasLine(text, "vatmesh_questions_in_flight 7"));
  EXPECT_TRUE(hasLine(text, "vatmesh_log_messages_total{level=\"info\"} 3"));
  EXPECT_TRUE(hasLine(text, "vatmesh_live_exports 2"));
  EXPECT_TRUE(hasLine(text, "vatmesh_ready 1"));
}

TEST(Exposition, PutsADurationIntoTheBucketOfTheNextBound) {
  Fixture fixture;
  for (const double seconds : {0.0, 0.0001, 0.0002, 5.0, 11.0}) {
    fixture.sidecar.restore_durations.add(seconds);
  }
  const std::string text = fixture.text();
  const std::string name = "vatmesh_restore_duration_seconds";
  EXPECT_TRUE(hasLine(text, name + "_bucket{le=\"0.0001\"} 2"));
  EXPECT_TRUE(hasLine(text, name + "_bucket{le=\"1\"} 3"));
  EXPECT_TRUE(hasLine(text, name + "_bucket{le=\"10\"} 4"));
  EXPECT_TRUE(hasLine(text, name + "_bucket{le=\"+Inf\"} 5"));
  EXPECT_TRUE(hasLine(text, name + "_count 5"));
}

TEST(Exposition, TellsWhetherTheStoreCanBeUsedIfThereIsOne) {
  Fixture fixture;
  EXPECT_EQ(linesStartingWith(fixture.text(), "vatmesh_store_up"), 0);
  fixture.store_up = false;
  EXPECT_TRUE(hasLine(fixture.text(), "vatmesh_store_up 0"));
  fixture.store_up = true;
  EXPECT_TRUE(hasLine(fixture.text(), "vatmesh_store_up 1"));
}

TEST(Exposition, NamesTheExportsAndConsumersOfTheConfiguration) {
  Fixture fixture;
  fixture.sidecar.exports = {{.name = "calculator", .consumer = {}},
                             {.name = "calculator", .consumer = "a \"team\"", .restored = 3}};
  const std::string text = fixture.text();
  EXPECT_TRUE(
      hasLine(text, "vatmesh_export_restores_total{export=\"calculator\",consumer=\"\"} 0"));
  EXPECT_TRUE(hasLine(text,
                      "vatmesh_export_restores_total{export=\"calculator\",consumer=\"a "
                      "\\\"team\\\"\"} 3"));
}

TEST(Exposition, CountsCallsOfPeersAsIncomingAndOfLocalProgramsAsOutgoing) {
  Fixture fixture;
  const auto calls = [&](captp::LinkKind kind) -> uint64_t& {
    return fixture.engine.calls[at(kind)][at(captp::CallOutcome::kOk)];
  };
  calls(captp::LinkKind::kPeer) = 10;
  calls(captp::LinkKind::kApp) = 20;
  calls(captp::LinkKind::kClient) = 30;
  const std::string text = fixture.text();
  EXPECT_TRUE(hasLine(text, "vatmesh_calls_total{direction=\"in\",outcome=\"ok\"} 10"));
  EXPECT_TRUE(hasLine(text, "vatmesh_calls_total{direction=\"out\",outcome=\"ok\"} 50"));
}

TEST(Exposition, AddsUpTheBucketsOfAHistogram) {
  Fixture fixture;
  auto& buckets = fixture.engine.call_durations[at(captp::LinkKind::kPeer)];
  buckets.front() = 2;
  buckets.back() = 1;
  fixture.engine.call_duration_sums[at(captp::LinkKind::kPeer)] = 20.5;
  const std::string text = fixture.text(Format::kOpenMetrics);
  EXPECT_TRUE(
      hasLine(text, "vatmesh_call_duration_seconds_bucket{direction=\"in\",le=\"0.0001\"} 2"));
  EXPECT_TRUE(hasLine(text, "vatmesh_call_duration_seconds_bucket{direction=\"in\",le=\"10\"} 2"));
  EXPECT_TRUE(
      hasLine(text, "vatmesh_call_duration_seconds_bucket{direction=\"in\",le=\"+Inf\"} 3"));
  EXPECT_TRUE(hasLine(text, "vatmesh_call_duration_seconds_count{direction=\"in\"} 3"));
  EXPECT_TRUE(hasLine(text, "vatmesh_call_duration_seconds_sum{direction=\"in\"} 20.5"));
}

TEST(Exposition, NamesCounterFamiliesWithoutTotalInOpenMetricsAndEndsWithEof) {
  const std::string text = Fixture().text(Format::kOpenMetrics);
  EXPECT_TRUE(hasLine(text, "# TYPE vatmesh_restores counter"));
  EXPECT_TRUE(hasLine(text, "vatmesh_restores_total{result=\"unknown\"} 0"));
  EXPECT_TRUE(text.ends_with("# EOF\n"));
}

TEST(Exposition, DeclaresEachFamilyOnceInBothFormats) {
  for (const Format format : {Format::kText, Format::kOpenMetrics}) {
    std::istringstream lines(Fixture().text(format));
    std::set<std::string> seen;
    std::string line;
    while (std::getline(lines, line)) {
      if (!line.starts_with("# TYPE ")) continue;
      EXPECT_TRUE(seen.insert(line).second) << line;
    }
    EXPECT_GT(seen.size(), 25u);
  }
}

TEST(Exposition, TellsTheMemoryOfTheProcess) {
  const std::string text = Fixture().text();
  const size_t place = text.find("\nprocess_resident_memory_bytes ");
  ASSERT_NE(place, std::string::npos);
  EXPECT_GT(std::stod(text.substr(text.find(' ', place + 1))), 100'000);
}

TEST(ChooseFormat, TakesOpenMetricsOnlyWhenItIsAskedFor) {
  EXPECT_EQ(chooseFormat(""), Format::kText);
  EXPECT_EQ(chooseFormat("*/*"), Format::kText);
  EXPECT_EQ(chooseFormat("text/plain;version=0.0.4"), Format::kText);
  EXPECT_EQ(chooseFormat("application/openmetrics-text; version=1.0.0,text/plain;q=0.5"),
            Format::kOpenMetrics);
  EXPECT_EQ(chooseFormat("text/plain, Application/OpenMetrics-Text;q=0.3"), Format::kOpenMetrics);
  EXPECT_EQ(chooseFormat("application/openmetrics-text;q=0"), Format::kText);
}

}  // namespace
}  // namespace vatmesh::metrics
