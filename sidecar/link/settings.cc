// SPDX-License-Identifier: Apache-2.0
//
// One field after the other.
#include "sidecar/link/settings.h"

namespace vatmesh::link {

Settings settingsOf(const config::Config& config) {
  Settings settings;
  const config::Limits& from = config.limits;
  settings.limits = {.message = from.message,
                     .segments = from.segments,
                     .capabilities = from.capabilities,
                     .answers = from.answers,
                     .exports = from.exports,
                     .imports = from.imports,
                     .queued_messages = from.queued_messages,
                     .queued_bytes = from.queued_bytes,
                     .embargoes = from.embargoes,
                     .queue_soft = from.queue_soft,
                     .queue_hard = from.queue_hard,
                     .stall = config.timeouts.stall,
                     .embargo_timeout = config.timeouts.embargo};
  settings.vat_limits = {.total = from.total};
  settings.frames = {.max_bytes = from.message, .max_segments = from.segments};
  settings.tcp = {.keepalive_after = config.tcp.keepalive_after,
                  .keepalive_interval = config.tcp.keepalive_interval,
                  .keepalive_probes = static_cast<int>(config.tcp.keepalive_probes),
                  .user_timeout = config.tcp.user_timeout,
                  .no_delay = config.tcp.no_delay};
  settings.connect = config.timeouts.connect;
  settings.handshake = config.timeouts.handshake;
  settings.app_connect = config.timeouts.app_connect;
  return settings;
}

net::AllowedUids allowedUids(const config::AllowUids& allow) {
  if (allow.any) return net::AllowedUids::any();
  return net::AllowedUids({allow.uids.begin(), allow.uids.end()});
}

}  // namespace vatmesh::link
