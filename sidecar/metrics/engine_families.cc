// SPDX-License-Identifier: Apache-2.0
//
// The families of what the engine counts.
#include <limits>

#include "rpc/captp/profile.h"
#include "sidecar/metrics/families.h"
#include "sidecar/metrics/family_builder.h"

namespace vatmesh::metrics {
namespace {

using EngineCounters = captp::Counters;

constexpr std::array<std::string_view, captp::kMessageKinds> kMessageNames = {
    "unimplemented",    "abort",     "call",           "return",  "finish", "resolve", "release",
    "obsoleteSave",     "bootstrap", "obsoleteDelete", "provide", "accept", "join",    "disembargo",
    "thirdPartyAnswer", "unknown"};

constexpr std::array<std::string_view, captp::kCallOutcomes> kOutcomeNames = {
    "ok", "failed", "overloaded", "disconnected", "unimplemented", "cancelled"};

constexpr std::array<std::string_view, captp::kOverloadActions> kActionNames = {"refuse", "pause",
                                                                                "drain", "close"};

// A call from a peer goes in to the application; any other comes out of this pod or host.
constexpr std::array<Direction, captp::kLinkKinds> kCallDirection = {
    Direction::kIn, Direction::kOut, Direction::kOut, Direction::kOut};

void addCalls(const EngineCounters& counters, Families& out) {
  auto calls = counter("vatmesh_calls_total", "Forwarded calls that ended, by outcome.");
  for (size_t d = 0; d < kDirections; ++d) {
    for (size_t o = 0; o < captp::kCallOutcomes; ++o) {
      uint64_t sum = 0;
      for (size_t kind = 0; kind < captp::kLinkKinds; ++kind) {
        if (at(kCallDirection[kind]) == d) sum += counters.calls[kind][o];
      }
      calls.sample({{"direction", kDirectionNames[d]}, {"outcome", kOutcomeNames[o]}}, sum);
    }
  }
  out.push_back(calls.take());
}

void addDurations(const EngineCounters& counters, Families& out) {
  FamilyBuilder durations("vatmesh_call_duration_seconds", "Time from Call to Return.",
                          prometheus::MetricType::Histogram);
  constexpr size_t kBounds = EngineCounters::kDurationBounds.size();
  for (size_t d = 0; d < kDirections; ++d) {
    auto& histogram = durations.add({{"direction", kDirectionNames[d]}}).histogram;
    for (size_t b = 0; b <= kBounds; ++b) {
      for (size_t kind = 0; kind < captp::kLinkKinds; ++kind) {
        if (at(kCallDirection[kind]) != d) continue;
        histogram.sample_count += counters.call_durations[kind][b];
        if (b == 0) histogram.sample_sum += counters.call_duration_sums[kind];
      }
      const double bound = b < kBounds ? EngineCounters::kDurationBounds[b]
                                       : std::numeric_limits<double>::infinity();
      histogram.bucket.push_back({histogram.sample_count, bound});
    }
  }
  out.push_back(durations.take());
}

void addMessages(const EngineCounters& counters, Families& out) {
  auto messages = counter("vatmesh_messages_total", "CapTP messages, by kind.");
  for (size_t kind = 0; kind < captp::kMessageKinds; ++kind) {
    messages.sample({{"direction", "in"}, {"type", kMessageNames[kind]}}, counters.received[kind]);
    messages.sample({{"direction", "out"}, {"type", kMessageNames[kind]}}, counters.sent[kind]);
  }
  out.push_back(messages.take());
}

}  // namespace

void addEngineFamilies(const Readings& readings, Families& out) {
  addCalls(readings.engine, out);
  addDurations(readings.engine, out);
  addMessages(readings.engine, out);
  const captp::TableSizes& tables = readings.tables;
  const auto add = [&out](std::string_view name, std::string_view help, uint64_t value) {
    out.push_back(gauge(name, help).sample({}, value).take());
  };
  add("vatmesh_questions_in_flight", "Calls that we asked and that are open.", tables.questions);
  add("vatmesh_answers_in_flight", "Calls that others asked and that are open.", tables.answers);
  add("vatmesh_exports", "Capabilities that others hold of us.", tables.exports);
  add("vatmesh_imports", "Capabilities that we hold of others.", tables.imports);
  add("vatmesh_embargoes", "Promises whose calls are held back.", tables.embargoes);
  add("vatmesh_retained_bytes", "Bytes of messages that the engine keeps.", tables.charged_bytes);
  add("vatmesh_held_bytes", "Bytes that count for limits.total.", tables.held_bytes);
  auto actions =
      counter("vatmesh_overload_actions_total",
              "What was done against too much load: calls refused, links paused, drained, "
              "closed.");
  for (size_t action = 0; action < captp::kOverloadActions; ++action) {
    actions.sample({{"action", kActionNames[action]}}, readings.engine.overload_actions[action]);
  }
  out.push_back(actions.take());
  out.push_back(counter("vatmesh_protocol_errors_total", "Links ended for a broken protocol.")
                    .sample({}, readings.engine.protocol_errors)
                    .take());
}

}  // namespace vatmesh::metrics
