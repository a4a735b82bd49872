// SPDX-License-Identifier: Apache-2.0
//
// What the loader says about wrong configurations: the exact texts, since they are the interface.
#include <string>

#include <gtest/gtest.h>

#include "tests/sidecar/config/load_support.h"

namespace vatmesh::config {
namespace {

struct Case {
  const char* text;
  const char* errors;  // without "sidecar.yaml:"
};

void expectErrors(std::initializer_list<Case> cases) {
  for (const Case& c : cases) {
    std::string expected;
    std::string lines = c.errors;
    for (size_t begin = 0; begin < lines.size();) {
      size_t end = lines.find('\n', begin);
      if (end == std::string::npos) end = lines.size();
      expected += "sidecar.yaml:" + lines.substr(begin, end - begin) + "\n";
      begin = end + 1;
    }
    EXPECT_EQ(errorsOf(c.text), expected) << c.text;
  }
}

TEST(LoadErrors, SayAllThatIsWrongInTheOrderOfTheFile) {
  expectErrors({{R"(key: vat.key
lisen: tcp:0.0.0.0:7000
listen: {address: tcp:0.0.0.0, tls: yes}
timeouts: {connect: 10}
imports:
  b:
)",
                 "2:1: unknown key \"lisen\"; did you mean \"listen\"?\n"
                 "3:19: address \"tcp:0.0.0.0\": no port; write tcp:HOST:PORT, with IPv6 as "
                 "tcp:[::1]:PORT\n"
                 "3:37: \"yes\" is not known here; write off or on\n"
                 "4:21: \"10\" is no duration; write a number with its unit, as in 250ms, 30s, "
                 "10m or 1h\n"
                 "6:3: imports.b has no uri; add the path of a cap file, or a URI\n"
                 "6:3: imports.b has no socket; add the address where local programs find it, as "
                 "in unix:run/b.sock"}});
}

TEST(LoadErrors, RefuseWhatTheYamlParserLetsPass) {
  expectErrors({
      {"imports:\nlog: {}\nimports:\n",
       "3:1: key \"imports\" stands here a second time (first in line 1); keep one of the two"},
      {"imports: {a: {uri: a, uri: b, socket: unix:s}}\n",
       "1:23: key \"uri\" stands here a second time (first in line 1); keep one of the two"},
      {"log: &x {level: info}\n",
       "1:6: YAML anchors are not allowed; write the value out where it is needed"},
      {"a: &x 1\nb: *x\n",
       "1:4: YAML anchors are not allowed; write the value out where it is needed\n"
       "2:4: YAML aliases are not allowed; write the value out"},
      {"&x a: [*x, &y [*y]]\n",
       "1:1: YAML anchors are not allowed; write the value out where it is needed\n"
       "1:8: YAML aliases are not allowed; write the value out\n"
       "1:12: YAML anchors are not allowed; write the value out where it is needed\n"
       "1:16: YAML aliases are not allowed; write the value out"},
      {"key: !!str vat.key\n", "1:6: YAML tags are not allowed; write the plain value"},
      {"{[a]: b}\n", "1:2: a key must be a word; the value follows behind ': '"},
      {"imports:\n---\nimports:\n", "1:1: several YAML documents in one file; keep one of them"},
      {"key: 'vat.key\nlimits: {message: 7}\n", "1:6: a quote that is never closed; close it"},
      {"key: \"vat\\\".key\nlimits: {}\n", "1:6: a quote that is never closed; close it"},
      {"a: [\n",
       "2:1: not YAML (end of sequence flow not found); check indentation and quotes here"},
      {"a: *nobody\n",
       "1:4: not YAML (the referenced anchor is not defined); check indentation and "
       "quotes here"},
  });
}

TEST(LoadErrors, SayWhatIsWrongWithConsumers) {
  const std::string head = "key: k\nlisten: tcp:127.0.0.1:0\napp: tcp:h:1\n";
  const auto errorsBehind = [&head](const std::string& exports) {
    return errorsOf((head + "exports: " + exports + "\n").c_str());
  };
  EXPECT_EQ(errorsBehind("{a: {consumers: [b]}}"),
            "sidecar.yaml:4:26: exports.a.consumers is no map; write consumers: {team-a: "
            "{generation: 1}}\n");
  EXPECT_EQ(errorsBehind("{a: {consumers: {b: {generaton: 1}}}}"),
            "sidecar.yaml:4:31: unknown key \"generaton\" in exports.a.consumers.b; did you mean "
            "\"generation\"?\n");
  EXPECT_EQ(errorsBehind("{a: {consumers: {b: {generation: 0}}}}"),
            "sidecar.yaml:4:43: \"0\" is no number for this key; write a plain number from 1 to "
            "4294967295\n");
  EXPECT_EQ(errorsBehind("{a: {capFile: a.cap, consumers: {b/c: }}}"),
            "sidecar.yaml:4:43: \"b/c\" can't stand in the name of a file; add \"capFile\" to "
            "exports.a.consumers.b/c\n");
  EXPECT_EQ(errorsBehind("{a: {consumers: {'': {}}}}"),
            "sidecar.yaml:4:27: \"\" can't be a name; write 1 to 255 characters on one line\n");
  EXPECT_EQ(
      errorsBehind("{a: {capFile: a.cap, consumers: {b: }}, c: {capFile: a.b.cap}}"),
      "sidecar.yaml:4:63: exports.a.consumers.b writes the same file; give each of them a cap "
      "file of its own\n");
  EXPECT_EQ(errorsBehind("{a: {consumers: {b: {capFile: k}}}}"),
            "sidecar.yaml:4:40: this is the key file; give the cap file another path\n");
}

TEST(LoadErrors, RefuseDepthWithoutExhaustingTheStack) {
  EXPECT_EQ(errorsOf("imports: " + std::string(20, '[') + std::string(20, ']') + "\n"),
            "sidecar.yaml:1:25: nested too deeply; no key needs that\n");
  std::string errors = errorsOf(std::string(500'000, '['));
  EXPECT_NE(errors.find("sidecar.yaml:1:"), std::string::npos);
}

TEST(LoadErrors, RefuseATextThatIsTooLarge) {
  EXPECT_EQ(errorsOf("imports:\n" + std::string(kMaxConfigSize, '#')),
            "sidecar.yaml:1:1: the file is larger than 1MiB; a configuration is a few kilobytes\n");
}

TEST(LoadErrors, SpeakOfManyErrorsOnce) {
  std::string text;
  for (int i = 0; i < 150; ++i) text += "k" + std::to_string(i) + ": 1\n";
  Loaded loaded = loadText(text);
  ASSERT_EQ(loaded.errors.size(), 101u);
  EXPECT_EQ(loaded.errors.back(),
            "sidecar.yaml: 51 more errors; mend the first ones and try again");
}

TEST(LoadErrors, NameTheRightShapeOfAValue) {
  expectErrors({
      {"[]\n",
       "1:1: a list stands here where the configuration is a map; its keys are key, fingerprint, "
       "listen, advertise, app, exports, imports, control, admin, tcp, timeouts, limits, store, "
       "log or debug"},
      {"imports: 5\n",
       "1:10: imports is no map; write imports: {calculator: {uri: calculator.cap, socket: "
       "unix:calculator.sock}}"},
      {"imports:\ntcp: on\n",
       "2:6: a single value stands here where tcp is a map; its keys are keepalive, userTimeout or "
       "noDelay"},
      {"imports:\nkey: [a]\n", "2:6: a list stands here; write the path of a file"},
      {"imports:\nkey:\nadmin: tcp:127.0.0.1:1\n",
       "2:1: nothing stands here; write the path of a file"},
      {"imports:\nkey: ''\n", "2:6: an empty text stands here; write the path of a file"},
      {"imports:\nkey: run/\n", "2:6: \"run/\" is the path of a folder; write the path of a file"},
      {"imports:\ntcp: {noDelay: 0}\n", "2:16: \"0\" is not known here; write false or true"},
      {"listen: []\nkey: k\n", "1:9: the list is empty; write an address, or leave listen out"},
      {"imports:\nlog: {level: warn}\n",
       "2:14: \"warn\" is not known here; did you mean \"warning\"?"},
  });
}

TEST(LoadErrors, WantUnitsAndRanges) {
  const std::string duration =
      " is no duration; write a number with its unit, as in 250ms, 30s, "
      "10m or 1h";
  expectErrors({
      {"imports:\ntimeouts: {stall: 30}\n", ("2:19: \"30\"" + duration).c_str()},
      {"imports:\ntimeouts: {stall: 1.5s}\n", ("2:19: \"1.5s\"" + duration).c_str()},
      {"imports:\ntimeouts: {stall: 30 s}\n", ("2:19: \"30 s\"" + duration).c_str()},
      {"imports:\ntimeouts: {stall: -1s}\n", ("2:19: \"-1s\"" + duration).c_str()},
      {"imports:\ntimeouts: {stall: 99999999h}\n", ("2:19: \"99999999h\"" + duration).c_str()},
      {"imports:\ntimeouts: {stall: 0s}\n",
       "2:19: a duration of zero can't be kept; write at least 1ms"},
      {"imports:\ntcp: {keepalive: {after: 1500ms}}\n",
       "2:26: \"1500ms\" can't be given to the kernel; write whole seconds from 1s to 32767s"},
      {"imports:\ntcp: {keepalive: {interval: 10h}}\n",
       "2:29: \"10h\" can't be given to the kernel; write whole seconds from 1s to 32767s"},
      {"imports:\ntcp: {keepalive: {probes: 128}}\n",
       "2:27: \"128\" is no number for this key; write a plain number from 1 to 127"},
      {"imports:\nlimits: {message: 64}\n",
       "2:19: \"64\" is no size; write a number with its unit, as in 64KiB, 64MiB or 1GiB"},
      {"imports:\nlimits: {message: 64MB}\n",
       "2:19: \"64MB\" is no size; write a number with its unit, as in 64KiB, 64MiB or 1GiB"},
      {"imports:\nlimits: {message: 100B}\n", "2:19: \"100B\" is too small; write at least 1KiB"},
      {"imports:\nlimits: {answers: 1KiB}\n",
       "2:19: \"1KiB\" is no number for this key; write a plain number from 1 to 1073741824"},
  });
}

TEST(LoadErrors, WantAddressesOfTheThreeForms) {
  const std::string key = "key: ephemeral\nlisten: ";
  const Case cases[] = {
      {"127.0.0.1:7000", "address \"127.0.0.1:7000\": no kind; write tcp:127.0.0.1:7000"},
      {"tcp:127.0.0.1:65536",
       "address \"tcp:127.0.0.1:65536\": a port is a number from 0 to 65535"},
      {"tcp:127.0.0.1:-1", "address \"tcp:127.0.0.1:-1\": a port is a number from 0 to 65535"},
      {"'tcp:[fe80::1%eth0]:1'",
       "\"tcp:[fe80::1%eth0]:1\" can't stand in a URI unchanged; choose an address without a zone, "
       "or a path of letters, digits and -._~!$&'()*+,;=:@"},
      {"unix:run/", "\"unix:run/\" names a folder; write the path of a socket"},
      {"[[a]]",
       "a list stands here; write tcp:HOST:PORT, tcp:[IPV6]:PORT, unix:PATH or unix-abstract:NAME"},
      {"\"tcp:a\\nb:1\"",
       "\"tcp:a\\x0ab:1\" is no address; write tcp:HOST:PORT, tcp:[IPV6]:PORT, unix:PATH or "
       "unix-abstract:NAME"},
  };
  for (const Case& c : cases) {
    std::string column = std::string(c.text) == "[[a]]" ? "10" : "9";
    EXPECT_EQ(errorsOf(key + c.text + "\n"),
              "sidecar.yaml:2:" + column + ": " + std::string(c.errors) + "\n");
  }
  std::string path = "/etc/mesh/" + std::string(98, 'p');
  EXPECT_EQ(errorsOf(key + "unix:" + std::string(98, 'p') + "\n"),
            "sidecar.yaml:2:9: \"" + path.substr(0, 100) +
                "…\" is longer than the 107 bytes that a socket's path may have; choose a shorter "
                "one\n");
  EXPECT_EQ(errorsOf(key + "unix:" + std::string(97, 'p') + "\n"), "");
}

TEST(LoadErrors, CheckListenersAgainstKeyAndAdvertise) {
  expectErrors({
      {"listen: tcp:127.0.0.1:7000\n",
       "1:9: a listener with TLS needs a key; add \"key: vat.key\" (the file is made on the first "
       "start), or \"key: ephemeral\""},
      {"key: k\nlisten: [{address: tcp:0.0.0.0:7000}]\n",
       "2:20: \"tcp:0.0.0.0:7000\" can't stand in a URI; add \"advertise\" with the address that "
       "peers dial, as in tcp:calc.example.com:7000"},
      {"key: k\nlisten: 'tcp:[::]:7000'\n",
       "2:9: \"tcp:[::]:7000\" can't stand in a URI; add \"advertise\" with the address that peers "
       "dial, as in tcp:calc.example.com:7000"},
      {"key: k\nlisten: unix-abstract:a\n",
       "2:9: an abstract socket can't stand in a URI; add \"advertise\" with the address that "
       "peers dial, as in tcp:calc.example.com:7000"},
      {"key: k\nlisten: unix:a b\n",
       "2:9: \"unix:/etc/mesh/a b\" can't stand in a URI unchanged; choose an address without a "
       "zone, or a path of letters, digits and -._~!$&'()*+,;=:@"},
      {"key: k\nlisten: tcp:0.0.0.0:7000\nadvertise: tcp:0.0.0.0:7000\n",
       "3:12: \"tcp:0.0.0.0:7000\" can't be dialled; write a name or address that peers can reach"},
      {"key: k\nlisten: tcp:127.0.0.1:0\nadvertise: tcp:host:0\n",
       "3:12: port 0 can't be dialled; write the port that peers dial"},
      {"key: k\nimports:\nadvertise: tcp:host:1\n",
       "3:12: nothing listens at the advertised address; add \"listen\", or leave advertise out"},
      {"imports:\nfingerprint: sha-256:AAAA\n",
       "2:14: \"sha-256:AAAA\" is not a fingerprint; one is sha-256: and 43 characters of "
       "base64url"},
      {"imports:\nfingerprint: sha-256:3pywQipBn7l-TEDuDkdqL-_pcmHT6WIn02N-Q5TMHZY\n",
       "2:14: an ephemeral key can't have a known fingerprint; add \"key: vat.key\", or leave "
       "fingerprint out"},
      {"key: k\nlisten: {address: tcp:127.0.0.1:1, tls: off, minTls: 1.2}\n",
       "2:54: minTls means nothing with tls: off; leave one of them out"},
  });
}

TEST(LoadErrors, CheckApplications) {
  const std::string before =
      "listen: {address: tcp:127.0.0.1:0, tls: off}\nexports: {e: {}}\napp: ";
  const Case cases[] = {
      {"{run: [a], dial: tcp:h:1}",
       "3:12: app has both dial and run; keep one of dial, run, fd and accept"},
      {"{links: shared}",
       "3:6: app doesn't say where the application is; write an address, or a map with one of "
       "dial, run, fd or accept"},
      {"[a]",
       "3:6: app is neither an address nor a map; write an address, or a map with one of dial, "
       "run, fd or accept"},
      {"{run: server}",
       "3:12: run needs a command and its arguments; write a list, as in [./server, --port, 5000]"},
      {"{run: [[a]]}",
       "3:13: an argument must be a text; write a list, as in [./server, --port, 5000]"},
      {"{fd: 2}", "3:11: \"2\" is no number for this key; write a plain number from 3 to 65535"},
      {"{fd: 3, links: shared}",
       "3:21: app has one connection only, so there is nothing to choose; leave links out, or use "
       "dial"},
      {"tcp:127.0.0.1:0",
       "3:6: \"tcp:127.0.0.1:0\" can't be dialled; write the port on which the application "
       "listens"},
      {"{dial: tcp:h:1, allowUids: any}",
       "3:33: only an application that dials in has a user to check; leave allowUids out, or use "
       "accept"},
      {"{dial: tcp:h:1, packed: true}", "3:30: packed encoding is not supported yet; write false"},
      {"{handoff: unix:s}",
       "3:16: handoff comes with a later version; use dial, run, fd or accept"},
      {"{dial: tcp:h:1, lnks: shared}",
       "3:22: unknown key \"lnks\" in app; did you mean \"links\"?"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(errorsOf(before + c.text + "\n"), "sidecar.yaml:" + std::string(c.errors) + "\n");
  }
}

TEST(LoadErrors, CheckExports) {
  expectErrors({
      {"key: k\nlisten: tcp:127.0.0.1:0\nexports:\n  a:\n  b: {app: tcp:h:1}\n",
       "4:3: exports.a has no application; add \"app\" with the address of the server"},
      {"app: tcp:h:1\nexports: {a: }\n",
       "2:10: nobody can reach the exports; add \"listen\", as in listen: tcp:0.0.0.0:7000"},
      {"key: k\nlisten: tcp:127.0.0.1:0\napp: tcp:h:1\n"
       "exports: {a: {id: {public: x}, capFile: c}, b: {id: {public: x}, capFile: ./c}}\n",
       "4:62: exports.a has the same id; give each export an id of its own\n"
       "4:75: exports.a writes the same file; give each of them a cap file of its own"},
      {"key: k\nlisten: tcp:127.0.0.1:0\napp: tcp:h:1\nexports: {a: {capFile: k}}\n",
       "4:24: this is the key file; give the cap file another path"},
      {"key: k\nlisten: tcp:127.0.0.1:0\napp: tcp:h:1\nexports: {a: {id: drived}, '': {}}\n",
       "4:19: \"drived\" is no kind of id; write derived, or {public: TEXT}\n"
       "4:28: \"\" can't be a name; write 1 to 255 characters on one line"},
  });
}

TEST(LoadErrors, CheckImportsAndNeverShowTheirUri) {
  expectErrors({
      {"imports: {a: {uri: 'capnp://sha-256:AAAA@h:1/c2VjcmV0', socket: unix:s}}\n",
       "1:20: malformed URI: the digest has 3 bytes where a SHA-256 has 32: was the URI cut off?; "
       "a sturdy ref looks like capnp://sha-256:DIGEST@HOST:PORT/ID or "
       "capnp://insecure@HOST:PORT/ID"},
      {"imports: {a: {uri: a, socket: 'capnp://insecure@h:1/c2VjcmV0'}}\n",
       "1:31: \"capnp://…\" is no address; write tcp:HOST:PORT, tcp:[IPV6]:PORT, unix:PATH or "
       "unix-abstract:NAME"},
      {"imports: {a: {uri: ' capnp://insecure@h:1/c2VjcmV0', socket: unix:s}}\n",
       "1:20: malformed URI: the scheme isn't capnp; a sturdy ref looks like "
       "capnp://sha-256:DIGEST@HOST:PORT/ID or capnp://insecure@HOST:PORT/ID"},
      {"key: 'insecure@h:1/c2VjcmV0'\nimports: {a: {uri: a, socket: unix:s}}\n",
       "1:6: \"insecure@…\" is a URI; write the path of a file"},
      {"imports: {a: {uri: a, socket: tcp:0.0.0.0:80}}\n",
       "1:31: \"tcp:0.0.0.0:80\" could be reached from other hosts; write a unix: or "
       "unix-abstract: address, or TCP on 127.0.0.1, [::1] or localhost"},
      {"imports: {a: {uri: a, socket: {address: tcp:localhost:80, allowUids: [1]}}}\n",
       "1:70: a TCP socket doesn't know its callers' users; use a unix: or unix-abstract: address, "
       "or leave allowUids out"},
      {"imports: {a: {uri: a, socket: {allowUids: me}}}\n",
       "1:31: imports.a.socket has no address; add \"address\", as in {address: "
       "unix:run/name.sock}"},
      {"imports: {a: {uri: a, socket: {address: unix:s, allowUids: me}}}\n",
       "1:60: a single value stands here; write a list of user ids, as in [1000], or any"},
      {"imports: {a: {uri: a, socket: unix:s, onLoss: reconnect}}\n",
       "1:47: reconnect comes with a later version; write close"},
      {"imports: {a: {uri: a, socket: unix:s, minTls: 1.1}}\n",
       "1:47: \"1.1\" is not known here; did you mean \"1.2\"?"},
  });
}

TEST(LoadErrors, CheckThatNoTwoSocketsHaveOneAddress) {
  expectErrors({
      {"imports: {a: {uri: a, socket: unix:s}, b: {uri: b, socket: {address: unix:./s}}}\n"
       "control: unix-abstract:s\n",
       "1:70: \"unix:/etc/mesh/s\" is already the address of imports.a; give imports.b another "
       "one"},
      {"key: k\nlisten: [tcp:127.0.0.1:1, tcp:127.0.0.1:1]\nadmin: tcp:127.0.0.1:1\n",
       "2:27: \"tcp:127.0.0.1:1\" is already the address of listen; give listener 2 another one\n"
       "3:8: \"tcp:127.0.0.1:1\" is already the address of listen; give admin another one"},
      {"key: k\nlisten: [tcp:127.0.0.1:0, tcp:127.0.0.1:0]\n", ""},
      {"key: k\nlisten: tcp:127.0.0.1:0\n"
       "exports: {a: {app: {accept: unix:s}}, b: {app: {accept: unix:s}}}\n",
       ""},
      {"key: k\nlisten: tcp:127.0.0.1:0\ncontrol: unix:s\n"
       "exports: {a: {app: {accept: unix:s}}}\n",
       "3:10: \"unix:/etc/mesh/s\" is already the address of exports.a.app; give control another "
       "one"},
  });
}

TEST(LoadErrors, TellWhatAJournalNeeds) {
  expectErrors({
      {"imports:\ndebug: {payloads: true}\n",
       "2:8: debug has no journal; add journal: FILE, where the vat's inputs are recorded, or "
       "leave "
       "debug out"},
      {"imports:\ndebug: {journal: j, payloads: some}\n",
       "2:31: \"some\" is not known here; write false or true"},
      {"imports:\ndebug: {journal: j, limit: 1KiB}\n",
       "2:28: \"1KiB\" is too small for a journal; write at least 64KiB"},
      {"imports:\ndebug: {journal: j, limit: 100}\n",
       "2:28: \"100\" is no size; write a number with its unit, as in 64KiB, 64MiB or 1GiB"},
      {"imports:\ndebug: vat.journal\n",
       "2:8: a single value stands here where debug is a map; its keys are journal, payloads or "
       "limit"},
  });
}

TEST(LoadErrors, NameTheStoresThatThereAre) {
  expectErrors({
      {"imports:\nstore: postgres\n",
       "2:8: \"postgres\" is no store; write none, memory, files:DIR or sqlite:FILE"},
      {"imports:\nstore: \"files:\"\n", "2:8: \"files:\" names no folder; write files:DIR"},
      {"imports:\nstore: \"sqlite:\"\n", "2:8: \"sqlite:\" names no file; write sqlite:FILE"},
  });
}

TEST(LoadErrors, PointToWhatComesLater) {
  expectErrors({
      {"imports:\nstore: {plugin: unix:p}\n",
       "2:8: store plugins come with a later version; write none, memory, files:DIR or "
       "sqlite:FILE"},
      {"",
       "1:1: there is nothing to do; add listen, app and exports to offer services, or imports "
       "to use them"},
      {"log: {level: info}\n",
       "1:1: there is nothing to do; add listen, app and exports to offer services, or imports to "
       "use them"},
      {"imports:\nadmin: unix:s\n",
       "2:8: \"unix:/etc/mesh/s\" can't serve HTTP probes; write tcp:HOST:PORT, as in "
       "tcp:0.0.0.0:9900"},
  });
}

TEST(LoadErrors, EscapeWhatWouldForgeALine) {
  EXPECT_EQ(errorsOf("\"a\\nb\\e\\\"\": 1\nimports:\n").substr(0, 48),
            "sidecar.yaml:1:1: unknown key \"a\\x0ab\\x1b\\\"\"; kn");
}

}  // namespace
}  // namespace vatmesh::config
