// SPDX-License-Identifier: Apache-2.0
//
// Inside sidecar/metrics only: makes one family at a time without the repetition.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include <prometheus/metric_family.h>

namespace vatmesh::metrics {

// A label's name and value.
using Label = std::pair<std::string_view, std::string_view>;

// FamilyBuilder collects the samples of one family; take() hands it over.
class FamilyBuilder {
 public:
  FamilyBuilder(std::string_view name, std::string_view help, prometheus::MetricType type) {
    family_.name = name;
    family_.help = help;
    family_.type = type;
  }

  // Adds a sample with `value`, as the family's type (counter or gauge) has it.
  template <typename Number>
  FamilyBuilder& sample(std::initializer_list<Label> labels, Number value) {
    prometheus::ClientMetric& metric = add(labels);
    const double number = static_cast<double>(value);
    if (family_.type == prometheus::MetricType::Counter) {
      metric.counter.value = number;
    } else {
      metric.gauge.value = number;
    }
    return *this;
  }

  // Adds an empty sample to fill in, for histograms. Valid until the next sample.
  prometheus::ClientMetric& add(std::initializer_list<Label> labels) {
    prometheus::ClientMetric& metric = family_.metric.emplace_back();
    for (const auto& [name, value] : labels) {
      metric.label.push_back({std::string(name), std::string(value)});
    }
    return metric;
  }

  prometheus::MetricFamily take() { return std::move(family_); }

 private:
  prometheus::MetricFamily family_;
};

inline FamilyBuilder counter(std::string_view name, std::string_view help) {
  return {name, help, prometheus::MetricType::Counter};
}

inline FamilyBuilder gauge(std::string_view name, std::string_view help) {
  return {name, help, prometheus::MetricType::Gauge};
}

}  // namespace vatmesh::metrics
