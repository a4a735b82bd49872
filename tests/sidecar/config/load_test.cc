// SPDX-License-Identifier: Apache-2.0
#include "sidecar/config/load.h"

#include <chrono>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "rpc/sturdy/identity.h"
#include "tests/sidecar/config/load_support.h"
#include "tests/vectors/vectors.h"

namespace vatmesh::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kFingerprint = "sha-256:3pywQipBn7l-TEDuDkdqL-_pcmHT6WIn02N-Q5TMHZY";

TEST(Load, ReadsTheSmallestFileBesideAServer) {
  Config config = configOf(R"(# beside an existing server
key: vat.key
listen: tcp:0.0.0.0:7000
advertise: tcp:calc.example.com:7000
app: tcp:127.0.0.1:5000
exports:
  calculator: {capFile: calculator.cap}
)");
  EXPECT_EQ(config.key_file, "/etc/mesh/vat.key");
  ASSERT_EQ(config.listen.size(), 1u);
  EXPECT_EQ(config.listen[0].address, "tcp:0.0.0.0:7000");
  EXPECT_TRUE(config.listen[0].tls);
  EXPECT_EQ(config.listen[0].min_tls, TlsVersion::k1_3);
  EXPECT_EQ(config.advertise, "tcp:calc.example.com:7000");
  ASSERT_TRUE(config.app);
  EXPECT_EQ(config.app->kind, App::Kind::kDial);
  EXPECT_EQ(config.app->address, "tcp:127.0.0.1:5000");
  EXPECT_EQ(config.app->links, App::Links::kPerPeer);
  ASSERT_EQ(config.exports.size(), 1u);
  EXPECT_EQ(config.exports[0].name, "calculator");
  EXPECT_EQ(config.exports[0].cap_file, "/etc/mesh/calculator.cap");
  EXPECT_FALSE(config.exports[0].public_id);
  EXPECT_EQ(config.exports[0].app, *config.app);
}

TEST(Load, ReadsTheSmallestFileBesideAClient) {
  Config config = configOf(R"(
imports:
  calculator: {uri: calculator.cap, socket: unix:run/calculator.sock}
)");
  EXPECT_EQ(config.key_file, "");
  EXPECT_TRUE(config.listen.empty());
  ASSERT_EQ(config.imports.size(), 1u);
  EXPECT_EQ(config.imports[0].cap_file, "/etc/mesh/calculator.cap");
  EXPECT_FALSE(config.imports[0].uri);
  EXPECT_EQ(config.imports[0].socket.address, "unix:/etc/mesh/run/calculator.sock");
}

TEST(Load, FillsInTheDefaults) {
  Config config = configOf("listen: tcp:127.0.0.1:7000\nkey: ephemeral\n");
  EXPECT_EQ(config.key_file, "");
  EXPECT_EQ(config.tcp, Tcp{});
  EXPECT_EQ(config.tcp.keepalive_after, seconds(60));
  EXPECT_EQ(config.tcp.keepalive_interval, seconds(10));
  EXPECT_EQ(config.tcp.keepalive_probes, 3u);
  EXPECT_EQ(config.tcp.user_timeout, seconds(30));
  EXPECT_TRUE(config.tcp.no_delay);
  EXPECT_EQ(config.timeouts.connect, seconds(10));
  EXPECT_EQ(config.timeouts.app_connect, seconds(5));
  EXPECT_EQ(config.limits, Limits{});
  EXPECT_EQ(config.limits.total, 1ull << 30);
  EXPECT_EQ(config.log, Log{});
  EXPECT_TRUE(config.warnings.empty());
}

TEST(Load, ReadsListenersOfEveryForm) {
  Config config = configOf(R"(
key: ephemeral
listen:
  - {address: tcp:127.0.0.1:7001, tls: off}
  - {address: "tcp:[::1]:7000", minTls: 1.2, packed: false}
  - unix:run/peers.sock
  - unix-abstract:peers
)");
  ASSERT_EQ(config.listen.size(), 4u);
  EXPECT_EQ(config.listen[0], (Listener{"tcp:127.0.0.1:7001", false, TlsVersion::k1_3}));
  EXPECT_EQ(config.listen[1], (Listener{"tcp:[::1]:7000", true, TlsVersion::k1_2}));
  EXPECT_EQ(config.listen[2].address, "unix:/etc/mesh/run/peers.sock");
  EXPECT_EQ(config.listen[3].address, "unix-abstract:peers");
  EXPECT_EQ(advertisedListener(config), &config.listen[1]);
  EXPECT_TRUE(advertisesTls(config));
}

TEST(Load, AdvertisesTheFirstListenerWhenNoneHasTls) {
  Config config = configOf("listen: [{address: tcp:127.0.0.1:0, tls: off}]\n");
  ASSERT_EQ(config.listen.size(), 1u);
  EXPECT_EQ(advertisedListener(config), &config.listen[0]);
  EXPECT_FALSE(advertisesTls(config));
  EXPECT_EQ(advertisedListener(Config{}), nullptr);
}

TEST(Load, ReadsApplicationsOfEveryForm) {
  Config config = configOf(R"(
listen: {address: tcp:127.0.0.1:0, tls: off}
app: {run: [./server, -v, ""]}
exports:
  inherited:
  found: {app: {run: [server]}}
  dialled: {app: {dial: unix:s, links: shared, interface: application, packed: false}}
  given: {app: {fd: 3}, ref: "name 1"}
  waited: {app: {accept: unix-abstract:a, allowUids: [1000, 0]}}
)");
  ASSERT_EQ(config.exports.size(), 5u);
  App run;
  run.kind = App::Kind::kRun;
  run.command = {"/etc/mesh/server", "-v", ""};
  run.links = App::Links::kShared;
  EXPECT_EQ(config.app, run);
  EXPECT_EQ(config.exports[0].app, run);
  EXPECT_EQ(config.exports[1].app.command, std::vector<std::string>{"server"});
  App dial;
  dial.address = "unix:/etc/mesh/s";
  dial.links = App::Links::kShared;
  dial.interface = App::Interface::kApplication;
  EXPECT_EQ(config.exports[2].app, dial);
  EXPECT_EQ(config.exports[3].app.kind, App::Kind::kFd);
  EXPECT_EQ(config.exports[3].app.fd, 3);
  EXPECT_EQ(config.exports[3].ref, "name 1");
  EXPECT_EQ(config.exports[4].app.kind, App::Kind::kAccept);
  EXPECT_EQ(config.exports[4].app.allow.uids, (std::vector<uint32_t>{1000, 0}));
}

TEST(Load, ReadsIdsOfBothKinds) {
  Config config = configOf(R"(
listen: {address: tcp:127.0.0.1:0, tls: off}
app: tcp:127.0.0.1:5000
exports:
  a: {id: derived}
  b: {id: {public: ""}}
  c: {id: {public: calc}}
)");
  ASSERT_EQ(config.exports.size(), 3u);
  EXPECT_EQ(config.exports[0].public_id, std::nullopt);
  EXPECT_EQ(config.exports[1].public_id, "");
  EXPECT_EQ(config.exports[2].public_id, "calc");
}

TEST(Load, ReadsImportsWithUrisAndUsers) {
  Config config = configOf(R"(
imports:
  a:
    uri: capnp://insecure@example.org:7000/bWFpbg
    socket: {address: unix-abstract:a, allowUids: any}
    onLoss: close
    minTls: 1.2
control: {address: unix:c, allowUids: [7]}
)");
  ASSERT_EQ(config.imports.size(), 1u);
  ASSERT_TRUE(config.imports[0].uri);
  EXPECT_EQ(config.imports[0].uri->id, "main");
  EXPECT_EQ(config.imports[0].cap_file, "");
  EXPECT_EQ(config.imports[0].socket.address, "unix-abstract:a");
  EXPECT_TRUE(config.imports[0].socket.allow.any);
  EXPECT_EQ(config.imports[0].min_tls, TlsVersion::k1_2);
  ASSERT_TRUE(config.control);
  EXPECT_EQ(config.control->address, "unix:/etc/mesh/c");
  EXPECT_EQ(config.control->allow.uids, std::vector<uint32_t>{7});
}

TEST(Load, ReadsTimesLimitsAndLogs) {
  Config config = configOf(R"(
key: vat.key
fingerprint: )" + kFingerprint +
                           R"(
listen: tcp:127.0.0.1:7000
admin: tcp:0.0.0.0:9900
tcp: {keepalive: {after: 1m, interval: 5s, probes: 4}, userTimeout: 1500ms, noDelay: false}
timeouts: {connect: 1s, handshake: 2s, appConnect: 3s, stall: 4s, embargo: 1h}
limits: {message: 1MiB, segments: 2, capabilities: 3, answers: 4, exports: 5, imports: 6,
         queuedMessages: 7, queuedBytes: 8KiB, embargoes: 9, queueSoft: 10KiB, queueHard: 11MiB,
         total: 2GiB}
store: sqlite:state/refs
log: {level: debug, format: json}
)");
  EXPECT_EQ(sturdy::printFingerprint(config.fingerprint.value_or("")), kFingerprint);
  EXPECT_EQ(config.admin, "tcp:0.0.0.0:9900");
  EXPECT_EQ(config.tcp, (Tcp{seconds(60), seconds(5), 4, milliseconds(1500), false}));
  EXPECT_EQ(config.timeouts,
            (Timeouts{seconds(1), seconds(2), seconds(3), seconds(4), seconds(3600)}));
  EXPECT_EQ(config.limits,
            (Limits{1u << 20, 2, 3, 4, 5, 6, 7, 8u << 10, 9, 10u << 10, 11u << 20, 2ull << 30}));
  EXPECT_EQ(config.store.toText(), "sqlite:/etc/mesh/state/refs");
  EXPECT_EQ(config.log, (Log{LogLevel::kDebug, LogFormat::kJson}));
}

TEST(Load, ReadsWhereToRecord) {
  EXPECT_EQ(configOf("imports:\n").debug, Debug());
  EXPECT_EQ(configOf("imports:\ndebug: {journal: vat.journal}\n").debug,
            (Debug{"/etc/mesh/vat.journal", false, 64u << 20}));
  EXPECT_EQ(configOf("imports:\ndebug: {journal: /tmp/j, payloads: true, limit: 64KiB}\n").debug,
            (Debug{"/tmp/j", true, 64u << 10}));
}

TEST(Load, ReadsEachStore) {
  EXPECT_EQ(configOf("imports:\n").store, store::StoreSpec());
  EXPECT_EQ(configOf("imports:\nstore: none\n").store, store::StoreSpec());
  EXPECT_EQ(configOf("imports:\nstore: memory\n").store.toText(), "memory");
  EXPECT_EQ(configOf("imports:\nstore: files:refs\n").store.toText(), "files:/etc/mesh/refs");
  EXPECT_EQ(configOf("imports:\nstore: sqlite:/var/refs\n").store.toText(), "sqlite:/var/refs");
}

TEST(Load, TakesHalfOfTheMemoryLimitSilentlyWhenNothingIsSaid) {
  Config config = configOf("imports:\n", 128ull << 20);
  EXPECT_EQ(config.limits.total, 64ull << 20);
  EXPECT_EQ(config.limits.message, 16ull << 20);
  EXPECT_EQ(config.limits.queue_hard, 32ull << 20);
  EXPECT_EQ(config.limits.queue_soft, 1ull << 20);
  EXPECT_TRUE(config.warnings.empty());
}

TEST(Load, WarnsWhenItLowersWhatTheUserWrote) {
  Config config =
      configOf("imports:\nlimits: {total: 1GiB, message: 32MiB, queueSoft: 1MiB}\n", 128ull << 20);
  EXPECT_EQ(config.warnings,
            (std::vector<std::string>{
                "limits.total is lowered from 1GiB to 64MiB, half of this cgroup's memory limit",
                "limits.message is lowered from 32MiB to 16MiB, a quarter of limits.total"}));
  EXPECT_EQ(config.limits.queue_soft, 1ull << 20);
}

TEST(Load, WarnsOfSocketsThatEveryUserMayUse) {
  Config config = configOf("imports: {a: {uri: a.cap, socket: tcp:127.0.0.1:7001}}\n");
  EXPECT_EQ(config.warnings,
            std::vector<std::string>{"imports.a.socket: every user of this host may use "
                                     "tcp:127.0.0.1:7001; a unix: address keeps others out"});
}

TEST(Load, WarnsOfAStoreOfWhichNothingWouldCome) {
  const auto warnings = [](const std::string& text) { return configOf(text).warnings; };
  const std::string app = "app: {accept: unix:app}\n";
  const std::string two = "exports: {a: {app: {accept: unix:a}}, b: {app: {accept: unix:b}}}\n";
  const std::string one = "exports: {a: {app: {accept: unix:a}}, b: {app: {accept: unix:a}}}\n";
  const std::string tls = "listen: tcp:127.0.0.1:7000\n";
  const std::string plain = "listen: {address: tcp:127.0.0.1:7000, tls: off}\n";
  const std::string key = "key: vat.key\n", ephemeral = "key: ephemeral\n";
  const std::string store = "store: sqlite:refs.db\n";
  using Warnings = std::vector<std::string>;
  const Warnings no_app{
      "store: nothing can be saved; add \"app\", the application that restores it"};
  EXPECT_EQ(warnings(key + tls + store), no_app);
  EXPECT_EQ(warnings(key + tls + two + store), no_app);
  EXPECT_EQ(warnings(key + tls + "app: tcp:127.0.0.1:1\n" + store),
            Warnings{"store: nothing is kept of a plain server, unless it calls serve; add "
                     "\"interface: application\" to app"});
  EXPECT_EQ(warnings(key + app + store),
            Warnings{"store: nothing can be saved, since a URI needs an address; add \"listen\""});
  EXPECT_EQ(warnings(ephemeral + tls + app + store),
            Warnings{"store: what is saved ends with this process: URIs name the key, and an "
                     "ephemeral one is another at each start; write \"key: vat.key\""});
  // What works: a key that stays; refs that would end anyway; URIs that name no key.
  for (const std::string& text :
       {key + tls + app + store, key + tls + one + store, ephemeral + tls + app + "store: memory\n",
        plain + app + store, ephemeral + tls + two,
        key + tls + "app: {dial: tcp:127.0.0.1:1, interface: application}\n" + store}) {
    EXPECT_EQ(warnings(text), Warnings()) << text;
  }
}

TEST(Load, WarnsOfANameThatAPlainServerIsNotAskedFor) {
  const std::string text = "listen: tcp:127.0.0.1:7000\nkey: ephemeral\nexports: {a: {ref: b}}\n";
  EXPECT_EQ(
      configOf(text + "app: tcp:127.0.0.1:1\n").warnings,
      std::vector<std::string>{"exports.a.ref: a plain server is asked for no name, unless it "
                               "calls serve; add \"interface: application\" to its app"});
  EXPECT_TRUE(configOf(text + "app: {accept: unix:app}\n").warnings.empty());
  EXPECT_TRUE(configOf(text + "app: {dial: unix:app, interface: application}\n").warnings.empty());
}

TEST(Load, TakesNoAddressThatTheOcamlNetworkRefuses) {
  // What that library takes by the leniency of its number parser, or for every interface.
  const std::set<std::string> lenient{"tcp::7000",           "tcp:*:7000",
                                      "tcp:127.0.0.1:65536", "tcp:127.0.0.1:-1",
                                      "tcp:127.0.0.1:0b11",  "tcp:127.0.0.1:0x1F90"};
  YAML::Node cases = vectors::ocaml("addresses.json")["cases"];
  ASSERT_EQ(cases.size(), 27u);
  for (const YAML::Node& c : cases) {
    std::string input = c["input"].as<std::string>();
    SCOPED_TRACE(input);
    Config config = configOf("listen: {address: '" + input + "', tls: off}\n");
    ASSERT_EQ(!config.listen.empty(), c["parse"]["ok"].as<bool>() && !lenient.contains(input));
  }
}

TEST(Load, KeepsTheOrderOfTheFile) {
  Config config = configOf(
      "imports: {b: {uri: b, socket: unix:b}, a: {uri: a, socket: unix:a}, "
      "c: {uri: c, socket: unix:c}}\n");
  std::string order;
  for (const Import& i : config.imports) order += i.name;
  EXPECT_EQ(order, "bac");
}

TEST(Load, TakesAFileOfTheNameEphemeralWhenItIsQuoted) {
  EXPECT_EQ(configOf("imports:\nkey: ephemeral\n").key_file, "");
  EXPECT_EQ(configOf("imports:\nkey: \"ephemeral\"\n").key_file, "/etc/mesh/ephemeral");
  EXPECT_EQ(configOf("imports:\nkey: ./ephemeral\n").key_file, "/etc/mesh/ephemeral");
}

TEST(Load, GivesEachConsumerItsOwnCapFile) {
  const Config config = configOf(R"(
key: vat.key
listen: tcp:127.0.0.1:7000
app: tcp:127.0.0.1:5000
exports:
  calculator:
    consumers: {team-b: , team-a: {generation: 3}, x/y: {capFile: run/xy}}
    capFile: run.d/calculator.cap
  clock: {capFile: run.d/clock, consumers: {team-a: {}}}
  quiet: {consumers: {x/y: }}
)");
  ASSERT_EQ(config.exports.size(), 3u);
  const std::vector<Consumer> of_calculator = {
      {.name = "team-b", .cap_file = "/etc/mesh/run.d/calculator.team-b.cap"},
      {.name = "team-a", .generation = 3, .cap_file = "/etc/mesh/run.d/calculator.team-a.cap"},
      {.name = "x/y", .cap_file = "/etc/mesh/run/xy"}};
  EXPECT_EQ(config.exports[0].consumers, of_calculator);
  EXPECT_EQ(config.exports[1].consumers.at(0).cap_file, "/etc/mesh/run.d/clock.team-a");
  EXPECT_EQ(config.exports[2].consumers.at(0).cap_file, "");
}

// What the page of all keys says about defaults is what happens without the key.
TEST(Load, TakesTheExampleOfEveryKeyWithTheDefaultsThatItTells) {
  const Config config = configOf(vectors::readBytes("deploy/examples/every-key.yaml"));
  const Config usual;
  EXPECT_EQ(config.limits, usual.limits);
  EXPECT_EQ(config.timeouts, usual.timeouts);
  EXPECT_EQ(config.tcp, usual.tcp);
  EXPECT_EQ(config.log, usual.log);
  EXPECT_EQ(config.store, usual.store);
  EXPECT_EQ(config.debug.payloads, usual.debug.payloads);
  EXPECT_EQ(config.debug.limit, usual.debug.limit);
  ASSERT_EQ(config.listen.size(), 2u);
  EXPECT_EQ(config.listen[1].tls, Listener().tls);
  EXPECT_EQ(config.listen[1].min_tls, Listener().min_tls);
  ASSERT_EQ(config.imports.size(), 1u);
  EXPECT_EQ(config.imports[0].on_loss, Import().on_loss);
  EXPECT_EQ(config.imports[0].min_tls, Import().min_tls);
}

}  // namespace
}  // namespace vatmesh::config
