# SPDX-License-Identifier: Apache-2.0
"""Payloads that alias the envelope, or reach beyond what their sender wrote, where a forwarded
message has new words: the receiver may see an exception or other bytes, never a capability that was
not meant for it, and nobody is aborted for somebody else's payload."""

import random

import front as f
import pytest
import rawwire as w

pytestmark = pytest.mark.needs("vatmesh-sidecar", "probe-server")


@pytest.fixture(params=["one", "two"])
def front(place, request):
    return f.Front(place, way=request.param)


def envelope(client, name, caps=1):
    """The words of a Call whose content is a struct of one data word and two pointers at word 13,
    followed by its table of `caps` descriptors: receiverHosted 0 first, then senderHosted 5, 6, ..."""
    question = client.question()
    words = [w.struct_pointer(0, 1, 1), 2, w.struct_pointer(0, 3, 3),
             question | f.method(name) << 32, f.PROBE, 0,
             w.struct_pointer(2, 1, 1), w.struct_pointer(3, 0, 2), 0,
             client.probe, 0, w.struct_pointer(1, 1, 2), w.list_pointer(3, 7, 2 * caps),
             0, 0, 0, w.struct_pointer(caps, 1, 1)]
    for i in range(caps):
        words += [3, 0] if i == 0 else [1 | (4 + i) << 32, 0]
    return question, words


def outcome(client, question):
    """Results or an exception; the link must live on. Calls that come meanwhile must be for what this
    client itself offered."""
    while True:
        message = client.receive()
        assert message.tag != "abort", message
        if message.tag == "call":
            assert message.target in range(5, 9), f"a call for what was never offered: {message}"
            client.send(w.return_exception(message.question, "not here"))
        elif message.tag == "return":
            assert message.answer == question and message.how in ("results", "exception"), message
            client.send(w.finish(question))
            return message


@pytest.mark.parametrize("length", [1, 8, 17, 64, 200])
def test_data_beyond_the_end_reads_nothing_of_others(front, length):
    """`data` points where the forwarded message has its new envelope."""
    client = front.client()
    question, words = envelope(client, "blob")
    words[14] = w.list_pointer(len(words) - 15, 2, length * 8)
    client.send(w.frame(words))
    answer = outcome(client, question)
    if answer.how == "results":
        assert b"\xbe\xef\xfe\xed" not in (answer.content.get(0) or b"")
    client.echo()
    front.check()


def test_a_capability_pointer_can_only_name_the_own_table(front):
    """The content's pointer section is laid over the new descriptors: no foreign capability comes of it."""
    for over in range(24):
        client = front.client()
        question, words = envelope(client, "use", caps=2)
        words[11] = w.struct_pointer(len(words) - 12 + over, 1, 2)
        client.send(w.frame(words))
        assert outcome(client, question).how == "exception"
        client.close()
    front.check()


def test_the_root_as_a_landing_pad_is_refused(front):
    client = front.client()
    question, words = envelope(client, "blob")
    words[14] = w.far_pointer(0, 0)
    client.send(w.frame(words))
    outcome(client, question)
    words[3] += 1
    words[11] = w.far_pointer(0, 0)  # the content itself through word 0
    client.question()
    client.send(w.frame(words))
    assert outcome(client, question + 1).how == "exception"
    front.check()


@pytest.mark.parametrize("aim", range(0, 16))
def test_content_that_is_the_own_envelope_hurts_nobody(front, aim):
    client = front.client()
    question, words = envelope(client, "blob")
    words[11] = w.struct_pointer(aim - 12, 1, 2)
    client.send(w.frame(words))
    outcome(client, question)
    client.echo()
    front.check()


def test_target_and_descriptor_in_one_place_authorise_nothing_new(front):
    """The target lies on a descriptor's word: what the sender may not name stays out of reach."""
    client = front.client()
    question, words = envelope(client, "echo", caps=2)
    first = 17
    words[6] = w.struct_pointer(first - 7, 1, 1)   # target = descriptor 0: tag 3 in the union's place
    client.send(w.frame(words))
    try:
        client.receive()
    except f.raw.Ended:
        pass
    front.check()


@pytest.mark.parametrize("seed", range(6))
def test_random_aliases_never_crash_or_abort_others(front, seed):
    rng = random.Random(seed)
    client = front.client()
    for _ in range(300):
        question, words = envelope(client, rng.choice(("blob", "use", "reflect", "countRows")), 2)
        for at in rng.sample((11, 13, 14, 15), 2):
            words[at] = rng.choice((
                w.struct_pointer(rng.randrange(-at - 1, 60), rng.randrange(4), rng.randrange(4)),
                w.list_pointer(rng.randrange(-at - 1, 60), rng.randrange(8), rng.randrange(40)),
                w.far_pointer(0, rng.randrange(50)), w.far_pointer(0, rng.randrange(50), True),
                3 | rng.randrange(4) << 32, rng.getrandbits(64)))
        client.send(w.frame(words))
        outcome(client, question)
    client.echo()
    front.check()
