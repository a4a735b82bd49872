# SPDX-License-Identifier: Apache-2.0
"""Our vat as the client for what was answered by hand to a client of the OCaml library
(raw-client-probes.json). The server's side is played from the recording; at the import's socket a raw
local client does what that client did. Our vat must say to the server what that client said, and the
local client must learn what that client learnt, but where DIFFERS says why not.

Finish, Release and the order of what is independent are each vat's own affair."""

import concurrent.futures
import re
import socket
import struct

import foreign
import harness
import pytest
import raw
import rawwire as w
import recorded as r

pytestmark = pytest.mark.needs("vatmesh-sidecar")

CASES = foreign.load("raw-client-probes.json")["cases"]
PING = (0xd1dcc8128441255e, 0)
NOTIFY = (0xd1dcc8128441255e, 2)
ABORT = ("abort", "failed")

# Where our vat says or learns something else: what it says in the end (None: as recorded), what its
# client learns, and why.
OWN_TEXT = ("disconnected", None)
DIFFERS = {
    "closes at once": (None, OWN_TEXT, "we tell a reset, which this may be, from an end"),
    "resets after the Bootstrap": (None, ("disconnected", "the peer reset the connection"),
                                   "we tell a reset from an end"),
    "aborts with failed": (None, ("disconnected", "go away"),
                           "a lost link is disconnected, as stock libraries have it"),
    "return for another question": (None, OWN_TEXT, "our text says what the peer did"),
    "bootstrap answered with a struct": (None, ("ok",), "a Bootstrap's answer is whatever it is"),
    "bootstrap answered with thirdPartyHosted": ([], ("ok",), "the vine serves"),
    "bootstrap answered with resultsSentElsewhere":
        ([ABORT], OWN_TEXT, "nobody asked for that, and no answer would ever come"),
    "bootstrap answered with acceptFromThirdParty": ([], ("unimplemented", None),
                                                     "it concerns that question alone"),
    "call answered with canceled": (None, ("failed", None), "nobody here had canceled it"),
    "callback: server calls with an unknown method":
        ([("return", 3, "exception", "unimplemented", None)], None, "the text is the service's"),
    "callback: server calls with unknown interface":
        ([("return", 3, "exception", "unimplemented", None)], None, "the text is the service's"),
}


def said(message):
    """What counts of what a client's vat said, or None."""
    if message.tag == "bootstrap":
        return ("bootstrap", message.object_id)
    if message.tag == "call":
        return ("call", message.interface, message.method, repr(w.dump(message.content)))
    if message.tag == "return":
        if message.how == "exception":
            return ("return", message.answer, "exception", message.kind, message.reason)
        return ("return", message.answer, message.how)
    if message.tag == "abort":
        return ("abort", message.kind)
    if message.tag == "unimplemented":
        return ("unimplemented", message.inner)
    return None


class Server(raw.RawPeer):
    """The recorded server. It answers the questions of the recording by the ids that we chose."""

    def __init__(self, sock):
        super().__init__(sock, harness.DEADLINE)
        self.ids = {}  # recorded question -> ours

    def next(self, recorded=None):
        """The next thing said, in the place of the `recorded` message."""
        while True:
            try:
                message = self.receive()
            except raw.Ended:
                return ("eof",)
            what = said(message)
            if what:
                if recorded and message.tag == recorded.tag and message.tag in ("bootstrap", "call"):
                    self.ids[recorded.question] = message.question
                return what

    def answer(self, case, messages):
        for each in messages:
            message = r.decoded(r.frame(each, no_finish="noFinishNeeded" in case["name"]))[0]
            if message.tag == "return":
                number = self.ids.get(message.answer, message.answer)
                word = message.segments[0][message.body.start]
                message.segments[0][message.body.start] = word & ~0xffffffff | number
            self.send(w.frame(*message.segments))

    def act(self, event):
        if event == "reset":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if event in ("close", "reset"):
            self.close()
        else:
            self.sock.shutdown(socket.SHUT_WR)

    def play(self, case, instead):
        """Plays the recording. [(recorded, said)], in which `instead` takes the place of what that
        client said besides its questions."""
        pairs, aborted = [], False
        for entry in case["exchange"]:
            if entry["from"] == "probe":
                if "event" in entry:
                    self.act(entry["event"])
                elif not aborted:
                    self.answer(case, entry["messages"])
            elif "message" in entry:
                recorded = r.decoded(r.frame(entry["message"]))[0]
                what = said(recorded)
                asks = recorded.tag in ("bootstrap", "call")
                # Of two Aborts in a row we say one.
                if what and not aborted and (asks or instead is None):
                    pairs.append((what, self.next(recorded)))
                aborted = aborted or recorded.tag == "abort"
        return pairs + [(what, self.next()) for what in instead or []]


class Client(raw.RawPeer):
    """Does at the import's socket what the OCaml client's scenario did."""

    def __init__(self, address, scenario):
        super().__init__(harness.connect(address), harness.DEADLINE)
        self.scenario = scenario
        self.send(w.bootstrap(0))
        self.asked = 0
        if scenario == "bootstrap-pipelined-call":
            self.send(w.call(1, (0, []), *PING, w.Struct([], [w.Text("hello")])))
            self.asked = 1

    def run(self):
        """Goes on with the scenario; gives what it learns."""
        if self.scenario == "callback":
            answer = self.returned(0)
            self.send(w.finish(0, release=False))
            self.asked = 2
            self.send(w.call(2, answer.caps[0][1], *NOTIFY,
                             w.Struct([3], [w.Cap(0), w.Text("hi")]), [("senderHosted", 0)]))
        return self.learns()

    def learns(self):
        """("ok",) or the type and text of what went wrong. What the server calls is answered as that
        client did: it knows no such method."""
        while True:
            try:
                message = self.receive()
            except raw.Ended:
                return ("ended",)
            if message.tag == "return" and message.answer == self.asked:
                return self.settled(message) if self.scenario == "bootstrap" else self.result(message)
            if message.tag == "call":
                self.send(w.return_exception(message.question, "not here", "unimplemented"))

    @staticmethod
    def result(answer):
        return ("ok",) if answer.how == "results" else (answer.kind, answer.reason)

    def settled(self, answer):
        if answer.how != "results" or not answer.caps:
            return self.result(answer)
        kind, number = answer.caps[0]
        if kind == "none":
            return ("failed", "null")
        if kind == "senderHosted":
            return ("ok",)
        resolved = self.expect("resolve", promise=number)
        return ("ok",) if resolved.cap else (resolved.kind, resolved.reason)


def learnt(case):
    """What the recorded client printed in the end, in the form of Client.learns."""
    line = next((l for l in case["client_output"] if re.match(r"(ping|settled|notify): ", l)), "")
    if ": Ok" in line:
        return ("ok",)
    found = re.search(r": Error (\w+)(?:: (.*))?$", line)
    return (found.group(1).lower(), found.group(2)) if found else None


def equal(expected, got):
    return all(e is None or e == g for e, g in zip(expected, got)) and len(expected) <= len(got)


@pytest.fixture
def listener():
    return harness.close_later(socket.create_server(("127.0.0.1", 0)))


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"].replace(" ", "-"))
def test_what_was_answered_to_an_ocaml_client_is_taken_alike(place, listener, case):
    listener.settimeout(harness.DEADLINE)
    sidecar = place.sidecar("vat", {"imports": {"there": {
        "uri": f"capnp://insecure@127.0.0.1:{listener.getsockname()[1]}/bWFpbg",
        "socket": "unix:there.sock"}}})
    says, learns, _ = DIFFERS.get(case["name"], (None, None, None))
    client = Client(sidecar.socket("there.sock"), case["client"].split()[-1])
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        learning = pool.submit(client.run)
        server = Server(harness.close_later(listener.accept()[0]))
        for expected, got in server.play(case, says):
            assert equal(expected, got), f"said {got} for {expected}"
        expected, got = learns or learnt(case), learning.result()
        assert equal(expected, got), f"learnt {got} for {expected}"
    assert sidecar.running()


def test_every_difference_is_one_of_a_case():
    assert set(DIFFERS) <= {case["name"] for case in CASES}
