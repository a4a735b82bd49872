// SPDX-License-Identifier: Apache-2.0
//
// Inside sidecar/metrics only: families in the OpenMetrics 1.0 text format, which prometheus-cpp
// has no serializer for.
#pragma once

#include <string>

#include "sidecar/metrics/families.h"

namespace vatmesh::metrics {

std::string serializeOpenMetrics(const Families& families);

}  // namespace vatmesh::metrics
