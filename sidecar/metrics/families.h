// SPDX-License-Identifier: Apache-2.0
//
// Inside sidecar/metrics only: the families as prometheus-cpp's values. Names: the folder's README.
#pragma once

#include <vector>

#include <prometheus/metric_family.h>

#include "sidecar/metrics/exposition.h"

namespace vatmesh::metrics {

using Families = std::vector<prometheus::MetricFamily>;

// Connections, handshakes, restores, the application's link, the log and the build.
void addSidecarFamilies(const Readings& readings, Families& out);

// Calls, messages and table sizes.
void addEngineFamilies(const Readings& readings, Families& out);

// process_*: memory, CPU, descriptors.
void addProcessFamilies(Families& out);

}  // namespace vatmesh::metrics
