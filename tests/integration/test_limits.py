# SPDX-License-Identifier: Apache-2.0
"""Much of everything: whatever one connection sends, asks for or leaves unread, the sidecar's memory
stays within its bounds, and a witness on another connection is served without waiting for it."""

import statistics
import struct
import threading
import time
from pathlib import Path

import front as f
import harness
import pytest
import raw
import rawwire as w
import topology

pytestmark = pytest.mark.needs("vatmesh-sidecar", "probe-server")
MIB = 1 << 20
GIB = 1 << 30
# What was freed must not count: the sanitizer keeps it for a while.
ENV = {"ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=0:quarantine_size_mb=8"}


class Crowd:
    """One sidecar with two applications: `quick`, which the witness uses, and `slow`."""

    def __init__(self, place, slow, **limits):
        self.app = topology.App(place, "cpp-unix", "quick")
        self.sidecar = place.sidecar("inbound", {
            "listen": {"address": "unix:peer.sock", "tls": "off"}, "app": self.app.config,
            "exports": {"quick": {"id": {"public": ""}},
                        "slow": {"id": {"public": "slow"}, "app": slow}},
            "limits": limits}, env=ENV)
        self.witness = f.Client(self.sidecar.socket("peer.sock"))
        for _ in range(50):
            self.witness.echo()
        self.before = self.memory("VmRSS")
        self.waits = []

    def peer(self):
        return raw.RawPeer(harness.connect(self.sidecar.socket("peer.sock")), harness.DEADLINE)

    def memory(self, key):
        """`VmRSS` or, the most that it ever was, `VmHWM` of the sidecar, in bytes."""
        status = Path(f"/proc/{self.sidecar.pid}/status").read_text()
        line = next(each for each in status.splitlines() if each.startswith(key))
        return int(line.split()[1]) * 1024

    def listen(self, times):
        """The witness calls so often; how long each call takes is kept."""
        for _ in range(times):
            start = time.monotonic()
            self.witness.echo()
            self.waits.append(time.monotonic() - start)

    def action(self, name):
        """How often the sidecar did that against too much load."""
        for line in self.sidecar.get("/metrics")[1].splitlines():
            if line.startswith(f'vatmesh_overload_actions_total{{action="{name}"}}'):
                return float(line.split()[1])
        raise AssertionError("no such metric")

    def check(self, most):
        """The memory never grew by more than `most` bytes; the witness never waited long."""
        grown = self.memory("VmHWM") - self.before
        assert grown < most, f"grew by {grown / MIB:.0f} MiB"
        assert statistics.median(self.waits) < 0.25, sorted(self.waits)[-5:]
        assert max(self.waits) < 3, sorted(self.waits)[-5:]


class Template:
    """A frame of which some 32-bit words are changed for each message."""

    def __init__(self, build, *values):
        self.frame = bytearray(build(*values))
        self.places = []
        for i in range(len(values)):
            other = build(*[v + (j == i) for j, v in enumerate(values)])
            place = [at for at in range(0, len(other), 4)
                     if other[at:at + 4] != self.frame[at:at + 4]]
            assert len(place) == 1, place
            self.places.append(place[0])

    def __call__(self, *values):
        for place, value in zip(self.places, values):
            struct.pack_into("<I", self.frame, place, value)
        return self.frame


def in_thread(work):
    """Runs `work` beside the test; gives a function that waits for it and raises what it raised."""
    failure = []

    def run():
        try:
            work()
        except BaseException as why:  # noqa: BLE001
            failure.append(why)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def join():
        thread.join(harness.DEADLINE)
        assert not thread.is_alive(), "still at work"
        if failure:
            raise failure[0]
    return join


@pytest.mark.bulk
def test_a_gibibyte_of_calls_waits_for_a_stalled_application(place):
    server = harness.close_later(raw.RawServer(f"{place.path}/slow.sock", harness.DEADLINE))
    crowd = Crowd(place, server.address)
    client = crowd.peer()
    client.send(w.bootstrap(0, w.Bytes(b"slow")))
    app = server.accept()
    asked = app.expect("bootstrap")
    app.send(w.results(asked.question, w.Cap(0), [("senderHosted", 0)]))
    probe = client.returned(0).caps[0][1]

    call = Template(lambda question: w.call(question, probe, f.PROBE, f.method("blob"),
                                            w.Struct([], [w.Bytes(bytes(MIB))])), 1)

    def send():
        for question in range(1, 1025):
            client.sock.sendall(call(question))

    sent = in_thread(send)
    # The application reads nothing: at some time the sidecar reads nothing of the client either.
    harness.eventually(lambda: crowd.sidecar.metric("vatmesh_flow_control_pauses_total") > 0,
                       "the client is paused")
    crowd.listen(200)
    received = crowd.sidecar.metric("vatmesh_received_bytes_total")
    assert received < GIB / 4
    crowd.listen(50)
    crowd.check(most=64 * MIB)

    # It awakes, and gets all of it.
    got = 0
    buffer = bytearray(MIB)

    def read():
        nonlocal got
        while got < GIB:
            got += app.sock.recv_into(buffer)

    all_read = in_thread(read)
    while got < GIB // 2:
        crowd.listen(5)
    sent()
    all_read()
    crowd.listen(20)
    crowd.check(most=64 * MIB)


@pytest.mark.bulk
def test_a_gibibyte_of_results_for_a_stalled_client_ends_that_client(place):
    slow = topology.App(place, "cpp-unix", "slow")
    crowd = Crowd(place, slow.config, queueHard="16MiB")
    client = crowd.peer()
    client.send(w.bootstrap(0, w.Bytes(b"slow")))
    probe = client.returned(0).caps[0][1]
    # Each asks for a good MiB.
    client.send(*[w.call(question, probe, f.PROBE, f.method("rows"), w.Struct([20000], []))
                  for question in range(1, 1001)])
    end = time.monotonic() + harness.DEADLINE
    while crowd.action("close") == 0:
        assert time.monotonic() < end
        crowd.listen(20)
    crowd.listen(50)
    crowd.check(most=96 * MIB)
    assert crowd.sidecar.metric("vatmesh_connections_open") >= 1
    # The application lives too.
    again = crowd.peer()
    again.send(w.bootstrap(0, w.Bytes(b"slow")))
    assert again.returned(0).how == "results"


def test_a_flood_of_questions_is_refused_and_then_ended(place):
    slow = topology.App(place, "cpp-unix", "slow")
    crowd = Crowd(place, slow.config)
    client = crowd.peer()
    client.send(w.bootstrap(0, w.Bytes(b"slow")))
    probe = client.returned(0).caps[0][1]
    call = Template(lambda question: w.call(question, probe, f.PROBE, f.method("wait")), 1)

    def send():
        for question in range(1, 40001, 100):
            client.sock.sendall(b"".join(bytes(call(question + i)) for i in range(100)))

    def flood():
        try:
            send()
        except OSError:
            pass  # ended meanwhile

    flooded = in_thread(flood)
    refused = client.expect("return")
    assert (refused.how, refused.kind) == ("exception", "overloaded"), refused
    assert refused.answer > 16000
    crowd.listen(50)
    assert client.ends().reason == "too many open questions"
    flooded()
    crowd.listen(50)
    crowd.check(most=120 * MIB)


def test_the_end_of_a_link_with_many_entries_holds_nobody_up(place):
    slow = topology.App(place, "cpp-unix", "slow")
    crowd = Crowd(place, slow.config)
    client = crowd.peer()
    client.send(w.bootstrap(0, w.Bytes(b"slow")))
    probe = client.returned(0).caps[0][1]
    call = Template(
        lambda question, *objects: w.call(question, probe, f.PROBE, f.method("wait"), None,
                                          [("senderHosted", each) for each in objects]),
        1, 10, 20, 30, 40)
    for question in range(1, 15001):
        first = question * 4
        client.sock.sendall(call(question, first, first + 1, first + 2, first + 3))
    sidecar = crowd.sidecar
    harness.eventually(lambda: sidecar.metric("vatmesh_answers_in_flight") > 15000, "all came")
    entries = sum(sidecar.metric(f"vatmesh_{table}") for table in
                  ("answers_in_flight", "questions_in_flight", "exports", "imports"))
    assert entries > 100000
    crowd.listen(20)
    client.close()
    while sidecar.metric("vatmesh_answers_in_flight") > 10:
        crowd.listen(1)
    crowd.listen(20)
    crowd.check(most=200 * MIB)


def test_a_flood_of_capabilities_is_refused_and_released(place):
    slow = topology.App(place, "cpp-unix", "slow")
    crowd = Crowd(place, slow.config)
    client = crowd.peer()
    client.send(w.bootstrap(0, w.Bytes(b"slow")))
    probe = client.returned(0).caps[0][1]
    for question in range(1, 81):
        objects = [("senderHosted", question * 1000 + i) for i in range(1000)]
        client.send(w.call(question, probe, f.PROBE, f.method("wait"), None, objects))
        crowd.listen(1)
    refused = client.expect("return")
    assert (refused.how, refused.kind) == ("exception", "overloaded"), refused
    released = {client.expect("release").id for _ in range(1000)}
    assert released == {refused.answer * 1000 + i for i in range(1000)}
    crowd.check(most=120 * MIB)
