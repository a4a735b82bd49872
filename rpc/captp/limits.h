// SPDX-License-Identifier: Apache-2.0
//
// Bounds of one link and of a whole vat, by the names of the configuration (contracts 2, `limits`,
// `timeouts`). What happens above each: design 4.7, 4.8; captp-engine 5.4.
#pragma once

#include <cstdint>

#include "rpc/base/instant.h"

namespace vatmesh::captp {

struct Limits {
  uint64_t message = 64ull << 20;  // bytes of one frame
  uint32_t segments = 512;         // of one frame
  uint32_t capabilities = 1024;    // in one message
  uint32_t answers = 16384;        // open at once, asked by the peer
  uint32_t exports = 65536;
  uint32_t imports = 65536;
  uint32_t paths = 65536;           // different paths used on all answers; not in the configuration
  uint32_t queued_messages = 1024;  // behind one promise
  uint64_t queued_bytes = 4ull << 20;
  uint32_t embargoes = 1024;           // Disembargoes under way, sent to the peer or by it
  uint32_t references = 1u << 31;      // to one export or import; not in the configuration
  uint64_t queue_soft = 4ull << 20;    // bytes in all queues that the peer asked for, then it waits
  uint64_t queue_hard = 256ull << 20;  // bytes queued towards the peer
  Duration stall = std::chrono::seconds(30);  // the longest without progress while bytes are queued
  Duration embargo_timeout = std::chrono::seconds(30);  // the longest that an echo may take
};

// Bounds of all links together.
struct VatLimits {
  uint64_t total = 1ull << 30;  // bytes that all links together may make us hold
};

}  // namespace vatmesh::captp
