// SPDX-License-Identifier: Apache-2.0
//
// One scrape: collect the families, write them in the wanted format.
#include "sidecar/metrics/exposition.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include <prometheus/text_serializer.h>

#include "sidecar/metrics/families.h"
#include "sidecar/metrics/open_metrics.h"

namespace vatmesh::metrics {
namespace {

constexpr std::string_view kOpenMetricsType = "application/openmetrics-text";

// The part of `text` up to the next `separator`, which is removed together with it.
std::string_view takeUntil(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  const size_t first = std::min(part.find_first_not_of(" \t"), part.size());
  const size_t last = part.find_last_not_of(" \t");
  return part.substr(first, last == std::string_view::npos ? 0 : last + 1 - first);
}

bool isZeroQuality(std::string_view parameter) {
  if (!parameter.starts_with("q=")) return false;
  return std::strtod(std::string(parameter.substr(2)).c_str(), nullptr) <= 0;
}

}  // namespace

Format chooseFormat(std::string_view accept) {
  std::string lower(accept);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::string_view rest = lower;
  while (!rest.empty()) {
    std::string_view range = takeUntil(rest, ',');
    bool wanted = takeUntil(range, ';') == kOpenMetricsType;
    while (!range.empty()) wanted = !isZeroQuality(takeUntil(range, ';')) && wanted;
    if (wanted) return Format::kOpenMetrics;
  }
  return Format::kText;
}

std::string_view contentType(Format format) {
  return format == Format::kOpenMetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

std::string render(const Readings& readings, Format format) {
  Families families;
  addSidecarFamilies(readings, families);
  addEngineFamilies(readings, families);
  addProcessFamilies(families);
  if (format == Format::kOpenMetrics) return serializeOpenMetrics(families);
  return prometheus::TextSerializer().prometheus::Serializer::Serialize(families);
}

}  // namespace vatmesh::metrics
