# SPDX-License-Identifier: Apache-2.0
"""Our vat as the server for what was sent by hand to a server of the OCaml library
(raw-server-probes.json): what we answer must be what it answered, but where DIFFERS says why not. All
probes go to one sidecar, so each also shows that the ones before it hurt nobody else.

Compared are the messages that a client acts on: what each Return holds, calls, Unimplemented, Aborts
by type. Texts are compared where the network's vats make them; those of the service are its library's."""

import socket

import foreign
import harness
import pytest
import raw
import rawwire as w
from recorded import decoded

pytestmark = pytest.mark.needs("vatmesh-sidecar", "interop-server")

PROBES = foreign.load("raw-server-probes.json")["probes"]
# Texts that vats make, not services.
TRAVELLING = {"Unknown persistent service ID"}
CLOSED = ("abort", "disconnected", "Connection closed")
FAILED = ("abort", "failed", "")
MAIN = ("return", 0, "results", "{'cap': 0}", "senderHosted")


def failed(question, kind="failed"):
    return ("return", question, "exception", kind, "")


# Where we answer otherwise: what comes instead, by step, and why. Unless that is an Abort the
# connection goes on, as a half-close then shows.
DIFFERS = {
    "bootstrap, object id as 4 bytes without NUL": ({0: [MAIN]}, "an id is bytes, with or without a NUL"),
    "bootstrap, object id an empty byte list": ({0: [MAIN]}, "read as the empty id"),
    "bootstrap, object id is a struct": ({0: [failed(0)]}, "it concerns that Bootstrap alone"),
    "bootstrap, object id is a capability pointer": ({0: [failed(0)]}, "it concerns that Bootstrap alone"),
    "two bootstraps with the same question id": ({0: [FAILED]}, "the first answer would be lost"),
    "call with a question id in use": ({1: [FAILED]}, "the first answer would be lost"),
    "call on promised answer with a field of a bootstrap result (getPointerField 0)":
        ({0: [MAIN, failed(1)]}, "it concerns that call alone"),
    "call on a field that is not a capability":
        ({0: [MAIN, ("return", 1, "results", "{'data': [], 'pointers': [b'pong:x\\x00']}"), failed(2)]},
         "it concerns that call alone"),
    "Finish twice": ({2: []}, "stock peers do it when a Return crosses with a Finish"),
    "Finish of an unknown question": ({0: []}, "as above"),
    "Disembargo provide": ({0: [("unimplemented", "disembargo")]}, "what level 3 peers expect"),
    "unimplemented(unimplemented)": ({0: []}, "it concerns nothing that we know"),
    "sendResultsTo yourself": ({1: [], 2: [("return", 1, "canceled")]},
                               "told once the results are taken or given up"),
    "sendResultsTo thirdParty": ({1: [failed(1, "unimplemented")]}, "it concerns that call alone"),
    "sendResultsTo undefined (9)": ({1: [failed(1, "unimplemented")]}, "it concerns that call alone"),
    "callback passed, answered with canceled": ({2: [failed(1)]}, "the stock service makes an error of it"),
    "cap descriptor receiverHosted unknown":
        ({1: [("return", 1, "results", "{'data': [], 'pointers': [{'cap': 0}]}", "senderPromise"),
             ("resolve", "failed")]}, "a broken capability; it concerns that call alone"),
    "cap descriptor receiverAnswer unknown":
        ({1: [("return", 1, "results", "{'data': [], 'pointers': [{'cap': 0}]}", "senderPromise"),
             ("resolve", "failed")]}, "a broken capability; it concerns that call alone"),
    "cap descriptor thirdPartyHosted with a vine":
        ({1: [("call", 5, "0xb89e91fd41f41e46", 0, "{'data': [], 'pointers': [b'hi\\x00']}")]},
         "the vine serves, as for every vat of level 1"),
    "cap descriptor undefined (9)": ({1: [failed(1, "unimplemented")]}, "it concerns that call alone"),
    "three messages in one segment of TCP":
        ({0: [("return", 0, "canceled"),
             ("return", 1, "results", "{'data': [], 'pointers': [b'pong:x\\x00']}")]},
         "the Finish comes before the service could answer the Bootstrap"),
    "frame with 600 segments": ({0: [FAILED]}, "limits.segments is 512"),
    "segment count 0xffffffff": ({0: [FAILED]}, "no wait for what can't be"),
    "segment size 2^29 words (4 GiB)": ({0: [FAILED]}, "limits.message is 64MiB"),
    "HTTP request": ({0: [FAILED]}, "read as a frame, it is larger than the limits"),
    "a TLS ClientHello to the plaintext port": ({0: [FAILED]}, "read as a frame, it breaks the limits"),
}


def event(message):
    """What counts of a message, or None."""
    if message.tag == "return":
        if message.how == "results":
            caps = sorted(kind for kind, _ in message.caps)
            return ("return", message.answer, "results", repr(generic(w.dump(message.content))),
                    *caps)
        if message.how == "exception":
            reason = message.reason if message.reason in TRAVELLING else ""
            return ("return", message.answer, "exception", message.kind, reason)
        return ("return", message.answer, message.how)
    if message.tag == "abort":
        reason = message.reason if message.kind == "disconnected" else ""
        return ("abort", message.kind, reason)
    if message.tag == "call":
        return ("call", message.target, hex(message.interface), message.method,
                repr(w.dump(message.content)))
    if message.tag == "unimplemented":
        return ("unimplemented", message.inner)
    if message.tag == "resolve":
        return ("resolve", message.cap[0] if message.cap else message.kind)
    return None


def generic(value):
    """A sturdy ref in `value` becomes a mark: it differs each time."""
    if isinstance(value, bytes) and value.startswith(b"capnp://"):
        return "a sturdy ref"
    if isinstance(value, dict) and "pointers" in value:
        return {**value, "pointers": [generic(p) for p in value["pointers"]]}
    return value


def sent(probe, entry):
    """The bytes of a step; None for the half-close."""
    if probe["name"] == "frame with 600 segments" and "hex" in entry:
        return w.frame(w.words_of(w.root("bootstrap", w.Struct([0], [w.Text("main")]))), *[[]] * 599)
    return bytes.fromhex(entry["hex"]) if "hex" in entry else None


def steps(probe):
    """[(bytes sent, events that came next)]; the half-close at the end is the bytes None."""
    out, aborted = [], False
    for entry in probe["exchange"]:
        if entry.get("from") == "probe":
            out.append((sent(probe, entry), []))
        elif entry.get("from") == "server" and "message" in entry:
            for message in decoded(bytes.fromhex(entry["hex"])):
                what = event(message)
                # That library says a second one behind the first.
                if what and not aborted:
                    out[-1][1].append(what)
                aborted = aborted or message.tag == "abort"
    return out


class Listener(raw.RawPeer):
    """Collects what comes until what was expected is there."""

    def __init__(self, address):
        super().__init__(harness.connect(address), harness.DEADLINE)
        self.got = []

    def collect(self, count):
        """The next events, `count` of them or up to the end."""
        while len(self.got) < count:
            try:
                what = event(self.receive())
            except raw.Ended:
                self.got.append(("eof",))
                break
            if what:
                self.got.append(what)
        taken, self.got = self.got[:count], self.got[count:]
        return taken


@pytest.fixture(scope="module")
def vat():
    place = harness.Place()
    app = place.program("app", [harness.program_path("interop-server"), "127.0.0.1:0"])
    port = app.wait_log(r"port (\d+)").group(1)
    place.sidecar("vat", {
        "key": "vat.key", "app": f"tcp:127.0.0.1:{port}",
        "listen": [{"address": "tcp:127.0.0.1:0", "tls": "off"}, "tcp:127.0.0.1:0"],
        "exports": {"main": {"id": {"public": "main"}, "capFile": "main.cap"},
                    "empty": {"id": {"public": ""}}}})
    sidecar = place.started[-1]
    place.address, place.tls_address = (
        sidecar.wait_log(rf"link\W+listening at tcp:(\S+){end}").group(1) for end in (" without TLS", "\n"))
    yield place
    place.close()


def play(address, probe):
    """Sends what was sent. [(expected, got)] of each step, up to the last one where we differ."""
    peer = Listener(address)
    instead, _ = DIFFERS.get(probe["name"], ({}, None))
    seen = []
    for number, (data, expected) in enumerate(steps(probe)):
        if data is None:
            peer.sock.shutdown(socket.SHUT_WR)
        else:
            peer.send(data)
        expected = instead.get(number, expected)
        seen.append((expected, peer.collect(len(expected))))
        if instead and number == max(instead):
            if FAILED not in expected:
                peer.sock.shutdown(socket.SHUT_WR)
                seen.append(([CLOSED, ("eof",)], peer.collect(2)))
            break
    peer.close()
    return seen


PLAIN_TO_TLS = "plaintext CapTP to the TLS port"


@pytest.mark.parametrize("probe", [p for p in PROBES if p["name"] != PLAIN_TO_TLS],
                         ids=lambda p: p["name"].replace(" ", "-"))
def test_what_was_sent_to_an_ocaml_server_is_answered_alike(vat, probe):
    for number, (expected, got) in enumerate(play(vat.address, probe)):
        assert sorted(got) == sorted(expected), f"step {number}: {got} for {expected}"


def test_plain_bytes_at_a_tls_port_get_an_alert_at_most(vat):
    probe = next(p for p in PROBES if p["name"] == PLAIN_TO_TLS)
    peer = raw.RawPeer(harness.connect(vat.tls_address), harness.DEADLINE)
    peer.send(bytes.fromhex(probe["exchange"][0]["hex"]))
    answer = b""
    try:
        while part := peer.sock.recv(4096):
            answer += part
    except ConnectionResetError:
        pass
    theirs = bytes.fromhex(next(e["hex"] for e in probe["exchange"] if e.get("from") == "server"))
    assert theirs[0] == 0x15
    assert answer == b"" or answer[0] == 0x15, answer


def test_every_difference_is_one_of_a_probe():
    assert set(DIFFERS) <= {probe["name"] for probe in PROBES}
