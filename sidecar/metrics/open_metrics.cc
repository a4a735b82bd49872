// SPDX-License-Identifier: Apache-2.0
//
// What differs from the older text: a counter's family has no "_total", and the text ends with EOF.
#include "sidecar/metrics/open_metrics.h"

#include <charconv>
#include <cmath>

namespace vatmesh::metrics {
namespace {

constexpr std::string_view kTotal = "_total";

std::string number(double value) {
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  constexpr double kExact = 1e15;  // integers below are shown as such
  char text[64];
  const auto end =
      std::fabs(value) < kExact && value == std::floor(value)
          ? std::to_chars(text, text + sizeof text, static_cast<int64_t>(value)).ptr
          : std::to_chars(text, text + sizeof text, value, std::chars_format::general).ptr;
  return {text, end};
}

void appendEscaped(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

// Writes one line: `name`{labels[, le="bound"]} value.
void appendSample(std::string& out, const std::string& name,
                  const std::vector<prometheus::ClientMetric::Label>& labels,
                  const std::string& value, const std::string& le = {}) {
  out += name;
  char separator = '{';
  const auto label = [&](std::string_view key, std::string_view text) {
    out += separator;
    separator = ',';
    out.append(key).append("=\"");
    appendEscaped(out, text);
    out += '"';
  };
  for (const auto& each : labels) label(each.name, each.value);
  if (!le.empty()) label("le", le);
  if (separator == ',') out += '}';
  out.append(" ").append(value).append("\n");
}

void appendHistogram(std::string& out, const std::string& name,
                     const prometheus::ClientMetric& metric) {
  for (const auto& bucket : metric.histogram.bucket) {
    appendSample(out, name + "_bucket", metric.label, std::to_string(bucket.cumulative_count),
                 number(bucket.upper_bound));
  }
  appendSample(out, name + "_count", metric.label, std::to_string(metric.histogram.sample_count));
  appendSample(out, name + "_sum", metric.label, number(metric.histogram.sample_sum));
}

std::string_view typeName(prometheus::MetricType type) {
  switch (type) {
    case prometheus::MetricType::Counter:
      return "counter";
    case prometheus::MetricType::Histogram:
      return "histogram";
    default:
      return "gauge";
  }
}

}  // namespace

std::string serializeOpenMetrics(const Families& families) {
  std::string out;
  for (const auto& family : families) {
    std::string base = family.name;
    const bool is_counter = family.type == prometheus::MetricType::Counter;
    if (is_counter && base.ends_with(kTotal)) base.resize(base.size() - kTotal.size());
    out.append("# TYPE ").append(base).append(" ").append(typeName(family.type)).append("\n");
    out.append("# HELP ").append(base).append(" ");
    appendEscaped(out, family.help);
    out += '\n';
    for (const auto& metric : family.metric) {
      if (family.type == prometheus::MetricType::Histogram) {
        appendHistogram(out, base, metric);
      } else if (is_counter) {
        appendSample(out, base + "_total", metric.label, number(metric.counter.value));
      } else {
        appendSample(out, base, metric.label, number(metric.gauge.value));
      }
    }
  }
  out += "# EOF\n";
  return out;
}

}  // namespace vatmesh::metrics
