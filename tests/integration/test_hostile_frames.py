# SPDX-License-Identifier: Apache-2.0
"""Bytes that are no frames, and frames that are no messages: they cost their own connection and
nothing else."""

import random
import struct

import front as f
import pytest
import rawwire as w

pytestmark = pytest.mark.needs("vatmesh-sidecar", "probe-server")

GOOD = w.words_of(w.root("call", w.call_body(1, 0, f.PROBE, 0, w.Struct([7], [w.Text("hi")]))))
HTTP = b"GET / HTTP/1.1\r\nHost: vat.example\r\n\r\n"
CLIENT_HELLO = bytes.fromhex("1603010200010001fc0303") + bytes(range(256)) * 2


@pytest.fixture(params=["one", "two"])
def front(place, request):
    return f.Front(place, way=request.param)


def words_with(index, value):
    words = list(GOOD)
    words[index] = value & (1 << 64) - 1
    return w.frame(words)


BROKEN = {
    "http": HTTP,
    "tls": CLIENT_HELLO,
    "ones": b"\xff" * 64,
    "noise": random.Random(1).randbytes(4096),
    "segments 2^32": struct.pack("<II", 0xffffffff, 0),
    "segments 513": struct.pack("<I", 512) + struct.pack("<I", 1) * 513,
    "size 2^32": struct.pack("<II", 0, 0xffffffff),
    "size above 64 MiB": struct.pack("<II", 0, 8 * 1024 * 1024 + 1),
    "sizes above 64 MiB together": struct.pack("<IIIII", 2, 1, 0x7fffffff, 0x7fffffff, 0),
    "no words": struct.pack("<II", 0, 0),
    "root out of bounds": w.frame([w.struct_pointer(1000, 1, 1)]),
    "root before the start": w.frame([w.struct_pointer(-1000, 1, 1), 0, 0]),
    "root is a list": w.frame([w.list_pointer(0, 2, 8), 0]),
    "root is a capability": w.frame([3]),
    "root far to nowhere": w.frame([w.far_pointer(7, 0)]),
    "root far to itself": w.frame([w.far_pointer(0, 0)]),
    "root double far to itself": w.frame([w.far_pointer(0, 0, double=True), 0]),
    "call out of bounds": words_with(2, w.struct_pointer(5000, 3, 3)),
    "call is null": words_with(2, 0),
    "call is a list": words_with(2, w.list_pointer(0, 7, 6)),
    "target out of bounds": words_with(6, w.struct_pointer(5000, 1, 1)),
    "target is a list": words_with(6, w.list_pointer(0, 2, 8)),
    "params out of bounds": words_with(7, w.struct_pointer(-3000, 0, 2)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_bytes_end_their_own_connection_only(front, name):
    peer = front.peer()
    peer.send(BROKEN[name])
    try:
        # Whoever waits for more of an announced message gets the end of it.
        peer.sock.shutdown(1)
    except OSError:
        pass
    aborted = peer.ends()
    assert aborted is None or aborted.kind in ("failed", "disconnected"), aborted
    front.check()


@pytest.mark.parametrize("name", ["segments 2^32", "segments 513", "size 2^32", "size above 64 MiB",
                                  "root out of bounds", "call out of bounds", "target out of bounds"])
def test_what_can_never_become_right_is_aborted_at_once(front, name):
    """Our side stays open: the sidecar must not wait for more."""
    peer = front.client()
    peer.send(BROKEN[name])
    assert peer.ends() is not None, "no Abort"
    front.check()


@pytest.mark.parametrize("cut", range(1, 8 * len(GOOD) + 8, 7))
def test_a_truncated_message_costs_its_connection(front, cut):
    peer = front.peer()
    peer.send(w.bootstrap(0), w.frame(GOOD)[:cut])
    peer.returned(0)
    peer.sock.shutdown(1)
    peer.ends()
    front.witness.echo()


def test_messages_in_single_bytes_are_understood(front):
    peer = front.client()
    question = peer.question()
    for byte in w.call(question, peer.probe, f.PROBE, 0, w.Struct([9], [w.Text("slow")])):
        peer.send(bytes([byte]))
    assert peer.returned(question).content.bits(0, 64) == 9


def test_a_message_in_two_segments_is_understood(front):
    peer = front.client()
    question = peer.question()
    peer.send(w.split(w.words_of(w.root("call", w.call_body(
        question, peer.probe, f.PROBE, 0, w.Struct([9], [w.Text("far")]))))))
    answer = peer.returned(question)
    assert answer.how == "results" and answer.content.text(0) == "far"


@pytest.mark.parametrize("segments", [511, 512])
def test_a_message_with_many_segments_costs_its_call_at_most(front, segments):
    """Stock C++ ends its whole connection on 512, so that one must not reach the application."""
    peer = front.client()
    question = peer.question()
    words = w.words_of(w.root("call", w.call_body(question, peer.probe, f.PROBE, 0,
                                                  w.Struct([9], [w.Text("many")]))))
    peer.send(w.frame(words, *[[0]] * (segments - 1)))
    answer = peer.returned(question)
    assert answer.how == ("results" if segments < 512 else "exception"), answer
    peer.echo()
    front.check()


def blob_frame(peer, question, words):
    """A call of `blob` whose frame has `words` words in all."""
    empty = w.words_of(w.root("call", w.call_body(question, peer.probe, f.PROBE, f.method("blob"),
                                                  w.Struct([], [w.Bytes(b"")]))))
    size = (words - len(empty)) * 8
    full = w.words_of(w.root("call", w.call_body(question, peer.probe, f.PROBE, f.method("blob"),
                                                 w.Struct([], [w.Bytes(bytes(size))]))))
    assert len(full) == words
    return w.frame(full)


def test_a_message_that_grows_beyond_what_the_application_takes_fails_alone(front):
    """It is within our own limit, but forwarded it has a new envelope and would end the app link."""
    peer = front.client()
    question = peer.question()
    peer.send(blob_frame(peer, question, (8 << 20) - 2))
    assert peer.returned(question).how == "exception"
    peer.echo()
    front.check()


def test_an_announced_giant_costs_nothing_before_it_comes(front):
    """A header may promise 64 MiB; memory is taken as bytes arrive."""
    def resident():
        status = open(f"/proc/{front.sidecar.pid}/status").read()
        return int(status.split("VmRSS:")[1].split()[0])
    before = resident()
    peers = [front.peer() for _ in range(50)]
    for peer in peers:
        peer.send(struct.pack("<II", 0, 8 * 1024 * 1024 - 64) + bytes(64))
    front.check()
    assert resident() - before < 200 * 1024, "50 unfulfilled promises took memory"
    for peer in peers:
        peer.close()


def mutations(seed, count):
    """Messages that were good once, with some words changed in the ways that matter."""
    rng = random.Random(seed)
    bodies = [
        w.root("call", w.call_body(1, 0, f.PROBE, 0, w.Struct([7], [w.Text("hi")]))),
        w.root("call", w.call_body(2, (0, []), f.PROBE, 6, w.Struct([1], [w.Cap(0)]),
                                   caps=[("senderHosted", 3), ("receiverHosted", 0)])),
        w.root("call", w.call_body(3, (1, [0, 1]), f.ITEM, 0, w.Struct([1]))),
        w.root("finish", w.Struct([1])),
        w.root("release", w.Struct([0 | 1 << 32])),
        w.root("resolve", w.Struct([3], [w.descriptor("senderHosted", 4)])),
        w.root("disembargo", w.Struct([1], [w.target(0), None])),
        w.root("return", w.Struct([0 | 1 << 32, 0], [w.payload(w.Cap(0), [("senderHosted", 1)])])),
    ]
    for _ in range(count):
        words = w.words_of(rng.choice(bodies))
        for _ in range(rng.choice((1, 1, 2, 4))):
            at = rng.randrange(len(words))
            words[at] = rng.choice((0, rng.getrandbits(64), words[at] ^ 1 << rng.randrange(64),
                                    words[rng.randrange(len(words))],
                                    w.struct_pointer(rng.randrange(-9, 9), rng.randrange(4),
                                                     rng.randrange(4)),
                                    w.far_pointer(0, rng.randrange(12)),
                                    w.list_pointer(rng.randrange(-9, 9), rng.randrange(8),
                                                   rng.randrange(20))))
        yield w.frame(words)


@pytest.mark.parametrize("seed", range(4))
def test_mutated_messages_never_hurt_others(front, seed):
    """Each connection sends mutated messages until it is ended."""
    for number, bad in enumerate(mutations(seed, 400)):
        if number % 20 == 0:
            peer = front.client()
        try:
            peer.send(bad)
        except OSError:
            peer.close()
            peer = front.client()
    front.check()
