# SPDX-License-Identifier: Apache-2.0
"""Well-formed messages that say what they must not, and unusual ones that are right: each gets the
answer that the protocol names, an Abort, an exception on that call, or nothing."""

import front as f
import pytest
import rawwire as w

pytestmark = pytest.mark.needs("vatmesh-sidecar", "probe-server")


@pytest.fixture(params=["one", "two"])
def front(place, request):
    return f.Front(place, way=request.param)


@pytest.fixture
def client(front):
    return front.client()


# --- what ends the link ---

def unknown_target(c):
    c.send(w.call(c.question(), 4711, f.PROBE, 0))


def question_twice(c):
    q = c.start("wait")
    c.send(w.call(q, c.probe, f.PROBE, f.method("wait")))


def bootstrap_on_a_live_question(c):
    c.send(w.bootstrap(c.start("wait")))


def over_release(c):
    c.send(w.release(c.item(), 2))


def unknown_release(c):
    c.send(w.release(4711))


def unknown_return(c):
    c.send(w.results(4711))


def unknown_receiver_loopback(c):
    c.send(w.disembargo(c.probe, "receiverLoopback", 99))


def loopback_on_an_unknown_export(c):
    c.send(w.disembargo(4711, "senderLoopback", 1))


def unreadable_unimplemented(c):
    c.send(w.message("unimplemented", w.Word(w.struct_pointer(900, 1, 1))))


def take_from_nothing(c):
    question = c.start("use", w.Struct([3], [w.Cap(0)]), [("senderHosted", 9)])
    call = c.expect("call", target=9)
    c.send(w.return_other(call.question, "takeFromOtherQuestion", other=question + 500))


def take_what_was_not_redirected(c):
    running = c.start("wait")
    c.start("use", w.Struct([3], [w.Cap(0)]), [("senderHosted", 9)])
    call = c.expect("call", target=9)
    c.send(w.return_other(call.question, "takeFromOtherQuestion", other=running))


def return_twice(c):
    c.start("use", w.Struct([3], [w.Cap(0)]), [("senderHosted", 9)])
    call = c.expect("call", target=9)
    # The second comes while the sidecar still knows the question, or after: both are wrong.
    c.send(w.results(call.question, w.Struct([3]), caps=[("senderHosted", 11)]))
    c.send(w.results(call.question, w.Struct([3]), caps=[("senderHosted", 11)]),
           w.results(call.question, w.Struct([3])))


ABORTS = [unknown_target, question_twice, bootstrap_on_a_live_question, over_release, unknown_release,
          unknown_return, unknown_receiver_loopback, loopback_on_an_unknown_export,
          unreadable_unimplemented, take_from_nothing, take_what_was_not_redirected, return_twice]


@pytest.mark.parametrize("act", ABORTS, ids=lambda a: a.__name__)
def test_abuse_of_ids_aborts_that_link(front, client, act):
    act(client)
    aborted = client.ends()
    assert aborted is not None, "the link ended without an Abort"
    assert aborted.kind == "failed" and aborted.reason, aborted
    front.check()


def test_an_abort_from_the_peer_ends_its_link_without_an_echo(front, client):
    client.send(w.abort("going away"))
    assert client.ends() is None
    front.check()


# --- what fails one call ---

def many_caps(c):
    return c.ask("echo", w.Struct([1], [None]), [("senderHosted", i) for i in range(1025)])


def call_on_an_unknown_answer(c):
    return c.call((4711, []), f.PROBE, 0)


def call_on_a_finished_answer(c):
    q = c.start("item")
    c.returned(q)
    c.send(w.finish(q))
    return c.call((q, [0, 1]), f.ITEM, 0, w.Struct([1]))


def a_path_of_65_steps(c):
    q = c.start("item")
    c.returned(q)
    return c.call((q, [0] * 65), f.ITEM, 0, w.Struct([1]))


def a_path_into_nothing(c):
    q = c.start("echo", w.Struct([1], [None]))
    c.returned(q)
    return c.call((q, [5]), f.ITEM, 0, w.Struct([1]))


def a_path_through_an_unknown_step(c):
    q = c.start("item")
    c.returned(q)
    odd = w.Struct([1 << 32], [w.Struct([q], [w.Listing([w.Struct([9])], 1, 0)])])
    number = c.question()
    c.send(w.message("call", w.Struct([number, f.ITEM, 0], [odd, w.payload(w.Struct([1])), None])))
    return c.returned(number)


def results_to_a_third_party(c):
    return c.ask("echo", w.Struct([1], [None]), to=2)


def unknown_receiver_hosted(c):
    return c.ask("use", w.Struct([1], [w.Cap(0)]), [("receiverHosted", 4711)])


def unknown_receiver_answer(c):
    return c.ask("use", w.Struct([1], [w.Cap(0)]), [("receiverAnswer", (4711, [1]))])


def unknown_descriptor(c):
    return c.ask("use", w.Struct([1], [w.Cap(0)]), [(9, 0)])


def cap_index_beyond_the_table(c):
    return c.ask("use", w.Struct([1], [w.Cap(5)]), [("senderHosted", 1)])


def cap_none(c):
    return c.ask("use", w.Struct([1], [w.Cap(0)]), [("none", 0)])


def content_beyond_the_end(c):
    return c.ask("echo", w.Word(w.struct_pointer(2000, 1, 1)))


def content_that_ends_too_late(c):
    return c.ask("echo", w.Word(w.struct_pointer(0, 9, 1)))


def content_far_to_nowhere(c):
    return c.ask("echo", w.Word(w.far_pointer(5, 0)))


def content_far_through_the_root(c):
    return c.ask("echo", w.Word(w.far_pointer(0, 0)))


FAILS = {many_caps: None, call_on_an_unknown_answer: "failed", call_on_a_finished_answer: "failed",
         a_path_of_65_steps: "failed", a_path_into_nothing: None, a_path_through_an_unknown_step: None,
         results_to_a_third_party: "unimplemented", unknown_receiver_hosted: None,
         unknown_receiver_answer: None, unknown_descriptor: None, cap_index_beyond_the_table: None,
         cap_none: None, content_beyond_the_end: None, content_that_ends_too_late: None,
         content_far_to_nowhere: None, content_far_through_the_root: None}


@pytest.mark.parametrize("act", FAILS, ids=lambda a: a.__name__)
def test_a_bad_call_fails_alone(front, client, act):
    answer = act(client)
    assert answer.how == "exception" and answer.reason, answer
    assert FAILS[act] is None or answer.kind == FAILS[act], answer
    client.echo()
    front.check()


def test_unknown_interfaces_and_methods_are_unimplemented(front, client):
    assert client.call(client.probe, 0x1234, 0).kind == "unimplemented"
    assert client.call(client.probe, f.PROBE, 999).kind == "unimplemented"
    client.echo()


# --- what is tolerated ---

def unknown_finish(c):
    c.send(w.finish(4711))


def finish_twice(c):
    q = c.start("echo", w.Struct([1], [None]))
    c.returned(q)
    c.send(w.finish(q), w.finish(q))


def unknown_resolve(c):
    c.send(w.resolve(4711, ("senderHosted", 12)))
    release = c.expect("release")
    assert (release.id, release.count) == (12, 1), release


def resolve_of_a_settled_object(c):
    """Peers that name a promise again as senderHosted send one when that crosses with a Release."""
    assert c.ask("hold", w.Struct([], [w.Cap(0)]), [("senderHosted", 9)]).how == "results"
    c.send(w.resolve(9, ("senderHosted", 10)))
    release = c.expect("release")
    assert (release.id, release.count) == (10, 1), release


def release_of_nothing(c):
    c.send(w.release(c.item(), 0))


def unimplemented_finish(c):
    c.send(w.message("unimplemented", w.root("finish", w.Struct([3]))))


def disembargo_without_a_reason(c):
    """go-capnp sends one though no call was made on the promise."""
    q = c.start("reflect", w.Struct([], [w.Cap(0)]), [("senderHosted", 5)])
    answer = c.returned(q)
    assert answer.caps[answer.content.get(0).index][0] == "receiverHosted", answer
    c.send(w.disembargo((q, [0]), "senderLoopback", 7))
    echo = c.expect("disembargo")
    assert (echo.embargo, echo.context) == (7, 1), echo
    c.send(w.finish(q, release=False))


TOLERATED = [unknown_finish, finish_twice, unknown_resolve, resolve_of_a_settled_object,
             release_of_nothing, unimplemented_finish, disembargo_without_a_reason]


@pytest.mark.parametrize("act", TOLERATED, ids=lambda a: a.__name__)
def test_what_legal_programs_do_is_tolerated(front, client, act):
    act(client)
    client.echo()
    front.check()


@pytest.mark.parametrize("tag", ["provide", "accept", "join", "obsoleteSave", "obsoleteDelete", 14, 77])
def test_unknown_messages_come_back_as_unimplemented(front, client, tag):
    client.send(w.message(tag, w.Struct([5], [None, None])))
    answer = client.receive()
    expected = tag if isinstance(tag, int) or tag in w.TAGS else None
    assert answer.tag == "unimplemented" and answer.inner == expected, answer
    client.echo()
    front.check()


def test_unimplemented_is_never_answered_in_kind(front, client):
    """Of a message that we never sent: whatever comes of it, no ping-pong."""
    client.send(w.message("unimplemented", w.root(77, w.Struct([1]))))
    aborted = client.ends()
    assert aborted is not None and aborted.kind == "failed"
    front.check()


def test_a_null_root_hurts_nobody_else(front):
    peer = front.peer()
    peer.send(w.frame([0]))
    peer.sock.shutdown(1)
    peer.ends()
    front.check()


def test_ids_of_any_size_are_accepted(front, client):
    for question in (0x3fffffff, 0x7fffffff, 0x80000000, 0xffffffff):
        client.send(w.call(question, client.probe, f.PROBE, 0, w.Struct([3], [None])))
        assert client.returned(question).how == "results"
        client.send(w.finish(question))


# --- exceptions and odd answers of the peer, on the way to the application ---

def callback(c, export=9):
    """Makes the application call us; gives our question and their call."""
    question = c.start("use", w.Struct([3], [w.Cap(0)]), [("senderHosted", export)])
    return question, c.expect("call", target=export)


MALFORMED = {
    "reason out of bounds": w.Word(w.list_pointer(9999, 2, 5)),
    "reason not terminated": w.Bytes(b"no end"),
    "reason is a struct": w.Struct([1], [None]),
    "reason of words": w.Word(w.list_pointer(0, 5, 2)),
    "reason is null": None,
    "reason of 40000 bytes": w.Text("x" * 40000),
    "reason is not UTF-8": w.Bytes(b"\xff\xfe\x00"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_exception_of_a_peer_reaches_the_application_as_a_sound_one(front, client, name):
    question, call = callback(client)
    client.send(w.return_exception(call.question, MALFORMED[name], "overloaded"))
    answer = client.returned(question)
    assert answer.how == "exception" and len(answer.reason) < 5000, answer
    client.echo()
    front.check()


@pytest.mark.parametrize("how", ["canceled", "resultsSentElsewhere", "acceptFromThirdParty", 42])
def test_an_odd_return_fails_that_call_or_that_link(front, client, how):
    question, call = callback(client)
    client.send(w.return_other(call.question, how))
    if how == "resultsSentElsewhere":
        assert client.ends() is not None
    else:
        answer = client.returned(question)
        assert answer.how == "exception", answer
        client.echo()
    front.check()


def test_a_return_without_a_payload_means_empty_results(front, client):
    """go-capnp sends it."""
    question, call = callback(client)
    client.send(w.return_other(call.question, "results"))
    answer = client.returned(question)
    assert answer.how == "results" and answer.content.bits(0, 32) == 0, answer
    client.echo()


def test_results_that_call_themselves_final_need_no_finish(front, client):
    question, call = callback(client)
    client.send(w.results(call.question, w.Struct([3 | 8 << 32]), no_finish=True))
    answer = client.returned(question)
    assert answer.content.bits(0, 32) == 3 and answer.content.bits(32, 32) == 8, answer
    client.echo()
    # The id may be used again at once; a Finish of it would be a protocol error for old peers.
    question, call = callback(client, 10)
    client.send(w.results(call.question, w.Struct([4]), no_finish=True))
    assert client.returned(question).content.bits(0, 32) == 4


def test_an_unimplemented_call_fails(front, client):
    question = client.start("use", w.Struct([3], [w.Cap(0)]), [("senderHosted", 9)])
    call = client.expect("call", target=9)
    client.send(w.message("unimplemented", w.root("call", w.call_body(
        call.question, 9, call.interface, call.method))))
    answer = client.returned(question)
    assert answer.how == "exception" and answer.kind == "unimplemented", answer
    client.echo()
    front.check()


# --- tail calls as stock peers make them ---

def test_yourself_then_take_from_it(front, client):
    item = client.item()
    kept = client.question()
    client.send(w.call(kept, item, f.ITEM, 0, w.Struct([42]), to=1))
    question, call = callback(client)
    client.send(w.return_other(call.question, "takeFromOtherQuestion", other=kept))
    got = {}
    while len(got) < 2:
        message = client.expect("return")
        got[message.answer] = message
    assert got[kept].how == "resultsSentElsewhere", got
    assert got[question].how == "results" and got[question].content.bits(0, 32) == 42, got
    client.send(w.finish(kept), w.finish(question))
    client.echo()
    front.check()


def test_yourself_may_be_finished_without_being_taken(front, client):
    item = client.item()
    kept = client.question()
    client.send(w.call(kept, item, f.ITEM, 0, w.Struct([42]), to=1), w.finish(kept))
    assert client.returned(kept).how in ("resultsSentElsewhere", "canceled")
    client.echo()


def test_a_redirected_answer_is_taken_once(front, client):
    item = client.item()
    kept = client.question()
    client.send(w.call(kept, item, f.ITEM, 0, w.Struct([42]), to=1))
    for export in (9, 10):
        _, call = callback(client, export)
        client.send(w.return_other(call.question, "takeFromOtherQuestion", other=kept))
    assert client.ends() is not None
    front.check()


# --- bootstrap ---

def test_bootstrap_with_an_unknown_id_fails_and_the_link_lives(place):
    front = f.Front(place)
    peer = front.peer()
    for object_id in (w.Text("nobody"), w.Text("x" * 32), w.Bytes(b"data"), w.Text("probe")):
        question = peer.question()
        peer.send(w.bootstrap(question, object_id))
        answer = peer.returned(question)
        assert (answer.how, answer.kind) == ("exception", "failed"), answer
        assert answer.reason == f.UNKNOWN_ID, answer
        peer.send(w.finish(question))
    peer.bootstrap()


@pytest.mark.parametrize("object_id", [None, w.Text(""), w.Struct()], ids=["null", "empty", "struct"])
def test_odd_object_ids_hurt_nobody(front, object_id):
    peer = front.peer()
    peer.send(w.bootstrap(0, object_id))
    try:
        peer.receive()
    except f.raw.Ended:
        pass
    front.check()


def test_what_is_pipelined_on_a_failed_bootstrap_gets_its_exception(place):
    front = f.Front(place)
    peer = front.peer()
    peer.send(w.bootstrap(0, w.Text("nobody")), w.call(1, (0, []), f.PROBE, 0))
    assert peer.returned(0).reason == f.UNKNOWN_ID
    assert peer.returned(1).reason == f.UNKNOWN_ID


def test_a_call_pipelined_on_the_bootstrap_is_answered_for_ever(front):
    """capnp-rpc of Rust addresses the Bootstrap's answer for the whole life of its client."""
    peer = front.peer()
    peer.send(w.bootstrap(0))
    for question in range(1, 200):
        peer.send(w.call(question, (0, []), f.PROBE, 0, w.Struct([question], [None])))
    for question in range(1, 200):
        answer = peer.returned(question)
        assert answer.how == "results" and answer.content.bits(0, 64) == question
        peer.send(w.finish(question))
    peer.send(w.finish(0))
    answer = peer.call((0, []), f.PROBE, 0)
    assert answer.how == "exception", answer


# --- flow ---

def test_a_flood_of_calls_is_refused_in_part(place):
    """Answers above the limit fail as overloaded; the link and the calls before them live."""
    front = f.Front(place, limits={"answers": 100})
    client = front.client()
    questions = [client.start("wait") for _ in range(150)]
    refused = [client.expect("return") for _ in range(50)]
    assert {(r.how, r.kind) for r in refused} == {("exception", "overloaded")}, refused
    assert {r.answer for r in refused} == set(questions[100:])
    client.send(*(w.finish(q) for q in questions))
    front.check()


def test_a_flood_that_goes_on_ends_its_link(place):
    front = f.Front(place, limits={"answers": 100})
    client = front.client()
    try:
        for _ in range(2000):
            client.start("wait")
    except OSError:
        pass
    client.ends()
    front.check()


def test_cancelled_calls_leave_nothing_behind(front, client):
    questions = [client.start("wait") for _ in range(500)]
    client.send(*(w.finish(q) for q in questions))
    how = {client.returned(q).how for q in questions}
    assert how == {"canceled"}, how
    answer = client.ask("stats")
    assert answer.content.get(0).bits(32, 32) == 0, "calls still run in the application"
    front.check()


def test_a_sidecar_that_is_stopped_says_so(front, client):
    """Calls that run are answered or not; the Abort says that it is no failure of the protocol."""
    client.start("wait")
    client.echo()
    front.sidecar.stop()
    aborted = client.ends()
    assert aborted is not None and aborted.kind == "disconnected", aborted
