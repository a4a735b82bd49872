// SPDX-License-Identifier: Apache-2.0
#include "sidecar/config/print.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/sidecar/config/load_support.h"

namespace vatmesh::config {
namespace {

// Everything that can be said, in forms that are not the printed ones.
const char* const kEverything = R"(
key: 'a "quoted": key'
fingerprint: sha-256:3pywQipBn7l-TEDuDkdqL-_pcmHT6WIn02N-Q5TMHZY
listen: [{address: tcp:0.0.0.0:7000, minTls: 1.2}, {address: "tcp:[::1]:7001", tls: off}]
advertise: "tcp:[2001:db8::1]:7000"
app: {dial: unix:app.sock, links: shared, interface: application}
exports:
  main:
  "odd: name, {x} # y": {id: {public: "tab\tand ü"}, capFile: dir with space/x.cap, ref: "- 1"}
  empty: {id: {public: ""}}
  consumers: {capFile: c.cap, consumers: {"of, many": , b: {generation: 7, capFile: "other b.cap"}}}
  filed: {consumers: {a: {generation: 2}}}
  run: {app: {run: [./srv, "", "a b", "x: y", '"', "tcp:h:1"]}}
  fd: {app: {fd: 7}}
  accept: {app: {accept: unix-abstract:a, allowUids: any}}
  dial: {app: tcp:127.0.0.1:5000}
imports:
  uri:
    uri: capnp://sha-256:3pywQipBn7l-TEDuDkdqL-_pcmHT6WIn02N-Q5TMHZY@/run/s/bWFpbg
    socket: {address: unix:a, allowUids: [1, 2]}
  file: {uri: f.cap, socket: unix:b, minTls: 1.2}
control: {address: unix:c, allowUids: any}
admin: tcp:127.0.0.1:9900
tcp: {keepalive: {after: 1s, interval: 2s, probes: 9}, userTimeout: 1ms, noDelay: false}
timeouts: {connect: 1s, handshake: 2s, appConnect: 3s, stall: 4s, embargo: 5s}
limits: {message: 1MiB, segments: 2, capabilities: 3, answers: 4, exports: 5, imports: 6,
         queuedMessages: 7, queuedBytes: 8KiB, embargoes: 9, queueSoft: 1KiB, queueHard: 11MiB,
         total: 2GiB}
store: "files:/var/lib/my refs"
log: {level: error, format: json}
debug: {journal: vat.journal, payloads: true, limit: 1MiB}
)";

TEST(PrintConfig, IsReadBackToTheSame) {
  Loaded first = loadText(kEverything);
  ASSERT_TRUE(first.config) << first.errors.at(0);
  std::string printed = printConfig(*first.config);
  Loaded second = loadText(printed);
  ASSERT_TRUE(second.config) << second.errors.at(0) << "\n" << printed;
  EXPECT_EQ(*second.config, *first.config) << printed;
  EXPECT_EQ(printConfig(*second.config), printed);
}

TEST(PrintConfig, LeavesDefaultsOut) {
  EXPECT_EQ(printConfig(configOf(R"(
key: vat.key
listen: tcp:127.0.0.1:7000
app: tcp:127.0.0.1:5000
exports: {calculator: {capFile: calculator.cap}}
tcp: {noDelay: true}
)")),
            R"(key: /etc/mesh/vat.key
listen: tcp:127.0.0.1:7000
app: tcp:127.0.0.1:5000
exports:
  calculator:
    id: derived
    capFile: /etc/mesh/calculator.cap
)");
}

TEST(PrintConfig, QuotesTextsThatYamlTakesForSomethingElse) {
  Config config;
  config.key_file = "/etc/mesh/ephemeral";
  for (std::string name :
       {"null", "true", "~", "1", "-", "a: b", "a #b", "ü", "a:", "*x", "{", "'"}) {
    Import import;
    import.name = name;
    import.cap_file = "/f/" + name;
    import.socket.address = "unix:/s/" + name;
    config.imports.push_back(import);
  }
  EXPECT_EQ(configOf(printConfig(config)), config) << printConfig(config);
}

}  // namespace
}  // namespace vatmesh::config
