# SPDX-License-Identifier: Apache-2.0
"""Applications that are absent, silent, slow or broken: peers see the cause and keep their link, and
no other application or peer is hurt."""

import harness
import front as f
import pytest
import raw
import rawwire as w
import topology

pytestmark = pytest.mark.needs("vatmesh-sidecar", "probe-server")
PUBLIC = {"probe": {"id": {"public": ""}}}


class Played:
    """A sidecar whose application is played by the test, and one client of it."""

    def __init__(self, place, **more):
        self.server = harness.close_later(raw.RawServer(f"{place.path}/app.sock", harness.DEADLINE))
        self.sidecar = place.sidecar("inbound", {
            "listen": {"address": "unix:peer.sock", "tls": "off"}, "app": self.server.address,
            "exports": PUBLIC, **more})
        self.client = self.peer()
        self.question = self.client.question()
        self.client.send(w.bootstrap(self.question))
        self.app = self.server.accept()

    def peer(self):
        return raw.RawPeer(harness.connect(self.sidecar.socket("peer.sock")), harness.DEADLINE)

    def serve(self, peer=None, app=None):
        """The application answers the Bootstrap; gives the client's import id."""
        asked = (app or self.app).expect("bootstrap")
        (app or self.app).send(w.results(asked.question, w.Cap(0), [("senderHosted", 0)]))
        answer = (peer or self.client).returned(self.question)
        assert answer.how == "results", answer
        return answer.caps[0][1]

    def start(self, where, method=0):
        """The client calls; gives its question and the call as the application sees it."""
        question = self.client.question()
        self.client.send(w.call(question, where, f.PROBE, method, w.Struct([1], [None])))
        return question, self.app.expect("call", method=method)


@pytest.fixture
def played(place):
    return Played(place)


MALFORMED = {
    "reason out of bounds": w.Word(w.list_pointer(9999, 2, 5)),
    "reason not terminated": w.Bytes(b"no end"),
    "reason is a struct": w.Struct([1], [None]),
    "reason far to nowhere": w.Word(w.far_pointer(3, 3)),
    "reason of 40000 bytes": w.Text("x" * 40000),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_exception_costs_its_call_only(played, name):
    """Forwarded as it came, it would end the whole connection of a stock client."""
    probe = played.serve()
    question, call = played.start(probe)
    played.app.send(w.return_exception(call.question, MALFORMED[name], "overloaded"))
    answer = played.client.returned(question)
    assert answer.how == "exception" and len(answer.reason) <= 4200, answer
    question, call = played.start(probe)
    played.app.send(w.results(call.question, w.Struct([5], [None])))
    assert played.client.returned(question).content.bits(0, 64) == 5


def test_an_exception_without_a_body_is_an_exception(played):
    probe = played.serve()
    question, call = played.start(probe)
    played.app.send(w.return_other(call.question, "exception"))
    assert played.client.returned(question).how == "exception"


def test_results_that_reach_beyond_the_message_fail_that_call(played):
    probe = played.serve()
    for content in (w.Word(w.struct_pointer(4000, 1, 1)), w.Word(w.list_pointer(3, 2, 90000)),
                    w.Word(w.far_pointer(0, 0))):
        question, call = played.start(probe)
        played.app.send(w.results(call.question, content))
        assert played.client.returned(question).how == "exception"
    question, call = played.start(probe)
    played.app.send(w.results(call.question, w.Struct([5], [None])))
    assert played.client.returned(question).how == "results"


def test_results_with_too_many_capabilities_fail_and_are_given_back(played):
    probe = played.serve()
    question, call = played.start(probe)
    played.app.send(w.results(call.question, w.Struct([5], [None]),
                              [("senderHosted", 100 + i) for i in range(1025)]))
    assert played.client.returned(question).how == "exception"
    released = set()
    while len(released) < 1025:
        message = played.app.expect("release")
        released.add(message.id)
    assert released == set(range(100, 1125))


@pytest.mark.parametrize("act", [
    lambda app: app.send(w.results(4711)),
    lambda app: app.send(b"HTTP/1.1 200 OK\r\n\r\n" * 10),
    lambda app: app.send(w.frame([w.struct_pointer(99, 1, 1)])),
    lambda app: app.send(w.abort("I give up")),
    lambda app: app.close(),
], ids=["unknown return", "no frames", "no message", "abort", "close"])
def test_the_end_of_an_app_link_is_disconnected_for_its_calls_and_the_peer_lives(played, act):
    probe = played.serve()
    question, _ = played.start(probe)
    act(played.app)
    answer = played.client.returned(question)
    assert (answer.how, answer.kind) == ("exception", "disconnected"), answer
    # The capability is dead, the peer link is not: the next Bootstrap dials again.
    later = played.client.call(probe, f.PROBE, 0)
    assert (later.how, later.kind) == ("exception", "disconnected"), later
    played.question = played.client.question()
    played.client.send(w.bootstrap(played.question))
    app = played.server.accept()
    played.serve(app=app)


def test_a_silent_application_holds_up_nobody_else(played):
    """It never answers the Bootstrap of one peer; another peer is served meanwhile."""
    played.app.expect("bootstrap")
    other = played.peer()
    other.send(w.bootstrap(0))
    app = played.server.accept()
    played.question = 0
    probe = played.serve(other, app)
    other.send(w.call(1, probe, f.PROBE, 0))
    call = app.expect("call")
    app.send(w.results(call.question))
    assert other.returned(1).how == "results"
    assert played.client.quiet(0)
    # The first one gives up; the application is told so.
    played.client.send(w.finish(0))
    assert played.client.returned(0).how == "canceled"


def test_calls_queue_in_order_behind_a_slow_bootstrap(played):
    for question in range(1, 50):
        played.client.send(w.call(question, (played.question, []), f.PROBE, question))
    asked = played.app.expect("bootstrap")
    played.app.send(w.results(asked.question, w.Cap(0), [("senderHosted", 0)]))
    for question in range(1, 50):
        call = played.app.expect("call")
        assert call.method == question
        played.app.send(w.results(call.question, w.Struct([question])))
    for question in range(1, 50):
        assert played.client.returned(question).content.bits(0, 64) == question


def test_a_bootstrap_that_is_refused_passes_its_reason_on(played):
    asked = played.app.expect("bootstrap")
    played.app.send(w.return_exception(asked.question, "not for you", "unimplemented"))
    answer = played.client.returned(played.question)
    assert (answer.how, answer.kind) == ("exception", "unimplemented"), answer
    assert "not for you" in answer.reason


def test_no_object_id_reaches_the_application(place):
    played = Played(place, exports={"probe": {"id": {"public": ""}}, "main": {"id": {"public": "main"}}})
    assert played.app.expect("bootstrap").object_id is None
    peer = played.peer()
    peer.send(w.bootstrap(0, w.Text("main")))
    assert played.server.accept().expect("bootstrap").object_id is None


def test_each_peer_link_has_an_app_link_of_its_own(played):
    probe = played.serve()
    other = played.peer()
    other.send(w.bootstrap(0))
    second = played.server.accept()
    second.expect("bootstrap")
    other.close()
    assert second.ends() is None or second.aborted.kind == "disconnected"
    question, call = played.start(probe)
    played.app.send(w.results(call.question, w.Struct([5])))
    assert played.client.returned(question).how == "results"


def test_an_absent_application_is_said_and_comes_back(place):
    path = f"{place.path}/app.sock"
    sidecar = place.sidecar("inbound", {
        "listen": {"address": "unix:peer.sock", "tls": "off"}, "app": f"unix:{path}",
        "exports": {"probe": {"id": {"public": ""}, "capFile": "probe.cap"}}}, ready=False)
    sidecar.cap("probe.cap")
    harness.eventually(lambda: sidecar.get("/livez")[0] == 200, "alive")
    status, text = sidecar.get("/readyz?verbose")
    assert status == 503 and path in text, text
    peer = raw.RawPeer(harness.connect(sidecar.socket("peer.sock")), harness.DEADLINE)
    peer.send(w.bootstrap(0), w.call(1, (0, []), f.PROBE, 0))
    for question in (0, 1):
        answer = peer.returned(question)
        assert (answer.how, answer.kind) == ("exception", "disconnected"), answer
    topology.App(place, "cpp-unix")
    sidecar.wait_ready()

    def served():
        peer.send(w.finish(0), w.bootstrap(0))
        return peer.returned(0).how == "results"
    peer.send(w.finish(1))
    harness.eventually(served, "the peer link reaches the application that came back")


def test_an_application_that_is_run_and_dies_ends_the_sidecar_with_its_code(place):
    app = topology.App(place, "cpp-run")
    address = topology.one(place, app)
    sidecar = next(p for p in place.started if p.name == "inbound")
    sidecar.expect = (3,)
    client = f.Client(address)
    question = client.start("die")
    assert sidecar.wait() == 3
    try:
        answer = client.returned(question)
        assert (answer.how, answer.kind) == ("exception", "disconnected"), answer
    except raw.Ended:
        pass


def test_an_application_that_can_not_be_run_is_named(place):
    sidecar = place.sidecar("inbound", {
        "listen": {"address": "unix:peer.sock", "tls": "off"},
        "app": {"run": ["/does/not/exist"]}, "exports": PUBLIC}, ready=False, expect=None)
    assert sidecar.wait() != 0
    assert "/does/not/exist" in sidecar.log()


@pytest.mark.parametrize("way", ["one", "two"])
def test_a_killed_application_disconnects_its_clients(place, way):
    """Killed in the middle of a call."""
    app = topology.App(place, "cpp-tcp")
    client = f.Client(topology.WAYS[way](place, app))
    question = client.start("wait")
    client.ask("stats")
    app.process.kill()
    answer = client.returned(question)
    assert (answer.how, answer.kind) == ("exception", "disconnected"), answer
    assert answer.reason, "no reason given"
