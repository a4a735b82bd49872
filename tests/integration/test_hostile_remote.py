# SPDX-License-Identifier: Apache-2.0
"""A remote vat, played by the test, that answers what it must not: local clients of the import get the
cause, and clients of another import notice nothing."""

import front as f
import harness
import pytest
import raw
import rawwire as w
import topology

pytestmark = pytest.mark.needs("vatmesh-sidecar", "probe-server", "probe-client")


class Remote:
    """A sidecar with two imports: `bad`, played by the test, and `good`, a stock server."""

    def __init__(self, place):
        self.place = place
        self.server = harness.close_later(raw.RawServer(f"{place.path}/bad.sock", harness.DEADLINE))
        app = topology.App(place, "cpp-unix")
        good = app.address.removeprefix("unix:")
        self.sidecar = place.sidecar("outbound", {"imports": {
            "bad": {"uri": f"capnp://insecure@{place.path}/bad.sock/", "socket": "unix:to-bad.sock"},
            "good": {"uri": f"capnp://insecure@{good}/", "socket": "unix:to-good.sock"}}})
        self.witness = f.Client(self.sidecar.socket("to-good.sock"))
        self.client, self.peer = self.connect()

    def client_of(self, name):
        return raw.RawPeer(harness.connect(self.sidecar.socket(name)), harness.DEADLINE)

    def connect(self):
        """A local client of `bad` with its bootstrap, and the remote vat's end."""
        client = self.client_of("to-bad.sock")
        question = client.question()
        client.send(w.bootstrap(question))
        peer = self.server.accept()
        asked = peer.expect("bootstrap")
        assert asked.object_id is None
        peer.send(w.results(asked.question, w.Cap(0), [("senderHosted", 0)]))
        answer = client.returned(question)
        client.probe = answer.caps[0][1]
        return client, peer

    def start(self, content=None, caps=()):
        question = self.client.question()
        self.client.send(w.call(question, self.client.probe, f.PROBE, 0, content, caps))
        return question, self.peer.expect("call")

    def check(self):
        assert self.sidecar.running(), self.sidecar.log()
        self.witness.echo()
        topology.client(self.place, "cpp", self.sidecar.socket("to-good.sock"), "echo")


@pytest.fixture
def remote(place):
    return Remote(place)


@pytest.mark.parametrize("reason", [
    w.Word(w.list_pointer(9999, 2, 5)), w.Bytes(b"no end"), w.Struct([1], [None]),
    w.Word(w.far_pointer(3, 3)), w.Text("x" * 40000), None],
    ids=["out of bounds", "not terminated", "struct", "far to nowhere", "40000 bytes", "null"])
def test_a_malformed_exception_of_a_remote_vat_reaches_the_client_as_a_sound_one(remote, reason):
    question, call = remote.start()
    remote.peer.send(w.return_exception(call.question, reason))
    answer = remote.client.returned(question)
    assert answer.how == "exception" and len(answer.reason) <= 4200, answer
    question, call = remote.start()
    remote.peer.send(w.results(call.question, w.Struct([5], [None])))
    assert remote.client.returned(question).content.bits(0, 64) == 5
    remote.check()


def test_results_that_reach_beyond_the_message_fail_that_call(remote):
    for content in (w.Word(w.struct_pointer(4000, 1, 1)), w.Word(w.list_pointer(3, 2, 90000)),
                    w.Word(w.far_pointer(0, 0))):
        question, call = remote.start()
        remote.peer.send(w.results(call.question, content))
        assert remote.client.returned(question).how == "exception"
    remote.check()


@pytest.mark.parametrize("act", [
    lambda p, call: p.send(w.results(4711)),
    lambda p, call: p.send(w.call(0, 4711, 1, 1)),
    lambda p, call: p.send(w.release(4711)),
    lambda p, call: p.send(b"HTTP/1.1 200 OK\r\n\r\n" * 10),
    lambda p, call: p.send(w.frame([w.struct_pointer(99, 1, 1)])),
    lambda p, call: p.send(w.abort("I give up", "overloaded")),
    lambda p, call: p.send(w.results(call.question, w.Struct([5], [None]))[:20]) or p.sock.shutdown(1),
    lambda p, call: p.close(),
], ids=["unknown return", "unknown target", "unknown release", "no frames", "no message", "abort",
        "half a message", "close"])
def test_the_end_of_a_remote_link_disconnects_its_clients_only(remote, act):
    """Whatever ends it: calls fail as disconnected, then the local connection is closed."""
    question, call = remote.start()
    act(remote.peer, call)
    answer = remote.client.returned(question)
    assert (answer.how, answer.kind) == ("exception", "disconnected"), answer
    remote.client.ends()
    remote.check()
    # The import is as good as new.
    remote.client, remote.peer = remote.connect()
    question, call = remote.start()
    remote.peer.send(w.results(call.question, w.Struct([5], [None])))
    assert remote.client.returned(question).how == "results"


def test_a_client_that_leaves_lets_go_of_what_the_remote_vat_gave_it(remote):
    question, call = remote.start()
    remote.peer.send(w.results(call.question, w.Cap(0), [("senderHosted", 7), ("senderHosted", 8)]))
    assert remote.client.returned(question).how == "results"
    running, waiting = remote.start()
    remote.client.close()
    released, finished = set(), set()
    while released != {0, 7, 8} or waiting.question not in finished:
        message = remote.peer.receive()
        if message.tag == "release":
            released.add(message.id)
        elif message.tag == "finish":
            finished.add(message.question)
    remote.check()


def test_a_client_that_leaves_does_not_disturb_another_of_the_same_import(remote):
    other = remote.client_of("to-bad.sock")
    other.send(w.bootstrap(0))
    asked = remote.peer.expect("bootstrap")  # the peer link is shared
    remote.peer.send(w.results(asked.question, w.Cap(0), [("senderHosted", 0)]))
    probe = other.returned(0).caps[0][1]
    remote.start()
    remote.client.close()
    other.send(w.call(1, probe, f.PROBE, 3, w.Struct([1], [None])))
    call = remote.peer.expect("call", method=3)
    remote.peer.send(w.results(call.question, w.Struct([6], [None])))
    assert other.returned(1).content.bits(0, 64) == 6
