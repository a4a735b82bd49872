# SPDX-License-Identifier: Apache-2.0
"""Persistent.save through our vat: what peers of each kind get, of what kinds of application, and what is
kept. The vat is key1 of the golden data; peers are others of them, by Python's TLS, or stock programs."""

import base64
import hashlib
import json
import subprocess

import foreign
import harness
import pytest
import raw
import rawwire as w

pytestmark = pytest.mark.needs("vatmesh-sidecar", "vatmesh")

PERSISTENT = 0xc8cb212fcd9f5691
APPLICATION = 0xfb89c77980aac403
SIDECAR, SERVE = 0xf90a4bffa9961ecf, 6
NOT_PERSISTENT = "save: the object does not implement Persistent (0xc8cb212fcd9f5691)"


class Vat:
    """Our vat before an application that the test plays."""

    def __init__(self, place, interface="application", store="sqlite:refs.db", **more):
        self.sidecar = place.sidecar("vat", {
            "key": str(foreign.VECTORS / "keys/key1.pem"), "store": store,
            "app": {"accept": "unix:app.sock", "interface": interface},
            "listen": "tcp:127.0.0.1:0", "exports": {"main": {"capFile": "main.cap"}}, **more},
            ready=False)
        self.link = self.dial_in()
        self.sidecar.wait_ready()
        self.uri = self.sidecar.cap("main.cap")
        self.address = harness.uri_place(self.uri)

    def dial_in(self, socket="app.sock"):
        """The application's connection."""
        def connected():
            try:
                return harness.connect(self.sidecar.socket(socket))
            except OSError:  # not bound yet, or not listening yet
                return None
        return raw.RawPeer(harness.eventually(connected, "the application can dial in"),
                           harness.DEADLINE)

    def refs(self, *words):
        done = subprocess.run([harness.program_path("vatmesh"), "refs", *words, "--config",
                               self.sidecar.folder / "sidecar.yaml"], capture_output=True,
                              text=True, timeout=harness.DEADLINE)
        assert done.returncode == 0, done.stderr
        return done.stdout

    # --- the application

    def give(self, number, first=True):
        """Answers Application.bootstrap, and the Bootstrap before the first one, with an object."""
        if first:
            asked = self.link.expect("bootstrap")
            self.link.send(w.results(asked.question, w.Cap(0), [("senderHosted", 0)]))
        asked = self.link.expect("call")
        assert (asked.interface, asked.method) == (APPLICATION, 0), asked
        self.link.send(w.results(asked.question, w.Struct([], [w.Cap(0)]), [("senderHosted", number)]))

    def saved(self, name):
        """Answers the next call, a save, with the object's name."""
        asked = self.link.expect("call")
        assert (asked.interface, asked.method) == (PERSISTENT, 0), asked
        self.link.send(w.results(asked.question, w.Struct([], [name])))
        return asked


def secret(uri):
    """The object id of a URI."""
    return uri.rsplit("/", 1)[1]


def unseen(place, *uris):
    """No id stands in any log."""
    logs = "".join(p.log() for p in place.started)
    for uri in uris:
        assert secret(uri) not in logs
        raw_id = base64.urlsafe_b64decode(secret(uri) + "==")
        assert raw_id.hex() not in logs and base64.b64encode(raw_id).decode().rstrip("=") not in logs


def text_of(answer):
    """The URI in SaveResults, which holds the Text itself and nothing else."""
    assert answer.how == "results", answer
    assert answer.caps == []
    content = answer.content
    assert content.pointers == 1 and content.data == 0
    value = content.get(0)
    assert value.endswith(b"\0")
    return value[:-1].decode()


def reach(vat, peer, number=5, uri=None, first=True):
    """`peer`'s connection to the vat, and its import that is the application's object `number`."""
    link = peer.dial(vat.address) if peer else raw.RawPeer(harness.connect(vat.address), harness.DEADLINE)
    question = link.question()
    link.send(w.bootstrap(question, w.ObjectId.of(uri or vat.uri)))
    vat.give(number, first)
    answer = link.returned(question)
    assert answer.how == "results", answer
    link.send(w.finish(question, release=False))
    return link, answer.caps[answer.content.index][1]


def save(vat, link, target, name, seal_for=None):
    """What the application was asked, and what the peer was answered."""
    question = link.question()
    link.send(w.call(question, target, PERSISTENT, 0, seal_for and w.Struct([], [seal_for])))
    asked = vat.saved(name)
    answer = link.returned(question)
    link.send(w.finish(question, release=False))
    return asked, answer


@pytest.fixture
def one(place):
    return foreign.ForeignVat(place, "key2")


@pytest.fixture
def two(place):
    return foreign.ForeignVat(place, "key4")


def test_a_peer_gets_a_uri_and_the_application_hears_nothing_but_a_save(place, one):
    vat = Vat(place)
    link, root = reach(vat, one)
    asked, answer = save(vat, link, root, w.Text("accounts/7"))
    assert asked.content is None and asked.caps == [] and asked.target == 5
    uri = text_of(answer)
    assert uri.split("/")[:3] == vat.uri.split("/")[:3] and uri != vat.uri
    listed = json.loads(vat.refs("list", "--json"))
    assert [ref["label"] for ref in listed] == ["accounts/7"]
    assert one.fingerprint in json.dumps(listed)
    assert "accounts/7" in vat.refs("list")
    unseen(place, uri, vat.uri)


def test_one_object_of_one_owner_has_one_uri_however_often_it_is_saved_at_once(place, one, two):
    vat = Vat(place)
    link, root = reach(vat, one)
    count = 20
    questions = [link.question() for _ in range(count)]
    link.send(*[w.call(q, root, PERSISTENT, 0) for q in questions])
    for _ in questions:
        vat.saved(w.Text("accounts/7"))
    uris = {text_of(link.returned(q)) for q in sorted(questions)}
    assert len(uris) == 1
    # Another name is another one; so is another owner.
    uris.add(text_of(save(vat, link, root, w.Text("accounts/8"))[1]))
    theirs, their_root = reach(vat, two, 6, first=False)
    uris.add(text_of(save(vat, theirs, their_root, w.Text("accounts/7"))[1]))
    assert len(uris) == 3
    assert len(json.loads(vat.refs("list", "--json"))) == 3


def test_what_was_saved_is_restored_and_may_be_sealed_for_one_peer(place, one, two):
    vat = Vat(place)
    link, root = reach(vat, one)
    _, answer = save(vat, link, root, w.Text("accounts/7"), w.Text(two.fingerprint))
    uri = text_of(answer)
    question = link.question()
    link.send(w.bootstrap(question, w.ObjectId.of(uri)))
    refused = link.returned(question)
    # Nobody learns from it that there is something.
    assert (refused.how, refused.reason) == ("exception", "Unknown persistent service ID")
    theirs = two.dial(vat.address)
    question = theirs.question()
    theirs.send(w.bootstrap(question, w.ObjectId.of(uri)))
    asked = vat.link.expect("call")
    assert (asked.interface, asked.method) == (APPLICATION, 1)
    assert asked.content.get(0) == b"accounts/7\0"
    vat.link.send(w.results(asked.question, w.Struct([], [w.Cap(0)]), [("senderHosted", 9)]))
    assert theirs.returned(question).how == "results"
    unseen(place, uri)


def test_who_restores_a_ref_saves_it_as_its_own_and_the_owner_keeps_its_uri(place, one, two):
    vat = Vat(place)
    link, root = reach(vat, one)
    uri = text_of(save(vat, link, root, w.Text("accounts/7"))[1])

    def saves_again(peer):
        link = peer.dial(vat.address)
        question = link.question()
        link.send(w.bootstrap(question, w.ObjectId.of(uri)))
        asked = vat.link.expect("call", interface=APPLICATION, method=1)
        vat.link.send(w.results(asked.question, w.Struct([], [w.Cap(0)]), [("senderHosted", 9)]))
        answer = link.returned(question)
        saved = text_of(save(vat, link, answer.caps[0][1], w.Text("accounts/7"))[1])
        link.close()
        vat.link.expect("release", id=9)
        return saved
    assert saves_again(one) == uri
    theirs = saves_again(two)
    assert theirs != uri
    name = next(ref["ref"] for ref in json.loads(vat.refs("list", "--json"))
                if ref["owner"] == one.fingerprint)
    shown = vat.refs("show", next(ref["ref"] for ref in json.loads(vat.refs("list", "--json"))
                                  if ref["owner"] == two.fingerprint))
    assert f"through the sturdy ref {name[:10]}" in shown
    unseen(place, uri, theirs)


def test_a_ref_that_is_taken_back_while_it_is_saved_gives_no_other(place, one, two):
    vat = Vat(place)
    link, root = reach(vat, one)
    uri = text_of(save(vat, link, root, w.Text("accounts/7"))[1])
    theirs = two.dial(vat.address)
    question = theirs.question()
    theirs.send(w.bootstrap(question, w.ObjectId.of(uri)))
    restored = vat.link.expect("call", interface=APPLICATION, method=1)
    vat.link.send(w.results(restored.question, w.Struct([], [w.Cap(0)]), [("senderHosted", 9)]))
    account = theirs.returned(question).caps[0][1]
    question = theirs.question()
    theirs.send(w.call(question, account, PERSISTENT, 0))
    asked = vat.link.expect("call", interface=PERSISTENT)
    name = json.loads(vat.refs("list", "--json"))[0]["ref"]
    vat.refs("revoke", name)

    def is_known():
        again = theirs.question()
        theirs.send(w.bootstrap(again, w.ObjectId.of(uri)))
        how = theirs.returned(again).how
        theirs.send(w.finish(again))
        return how != "exception"
    harness.eventually(lambda: not is_known(), "the vat has heard of it")
    vat.link.send(w.results(asked.question, w.Struct([], [w.Text("accounts/7")])))
    answer = theirs.returned(question)
    assert answer.reason == f"save: the sturdy ref {name[:10]} was revoked", answer
    assert json.loads(vat.refs("list", "--json")) == []


def test_a_seal_that_is_no_fingerprint_is_refused(place, one):
    vat = Vat(place)
    link, root = reach(vat, one)
    _, answer = save(vat, link, root, w.Text("a"), w.Text("my friends"))
    assert answer.how == "exception" and answer.reason.startswith("save: sealFor is no fingerprint")


def test_without_a_store_the_peer_is_told_what_is_missing(place, one):
    vat = Vat(place, store=None)
    link, root = reach(vat, one)
    _, answer = save(vat, link, root, w.Text("a"))
    assert (answer.how, answer.kind, answer.reason) == (
        "exception", "failed", 'save: no durable store; set "store"')


def test_a_name_with_capabilities_is_refused_and_the_capability_released(place, one):
    vat = Vat(place)
    link, root = reach(vat, one)
    question = link.question()
    link.send(w.call(question, root, PERSISTENT, 0))
    asked = vat.link.expect("call")
    vat.link.send(w.results(asked.question, w.Struct([], [w.Cap(0)]), [("senderHosted", 77)]))
    answer = link.returned(question)
    assert answer.how == "exception" and "holds capabilities" in answer.reason
    vat.link.expect("release", id=77)


def test_an_object_that_is_not_persistent_says_so(place, one):
    vat = Vat(place)
    link, root = reach(vat, one)
    question = link.question()
    link.send(w.call(question, root, PERSISTENT, 0))
    asked = vat.link.expect("call")
    vat.link.send(w.return_exception(asked.question, "Unknown interface", "unimplemented"))
    answer = link.returned(question)
    assert (answer.kind, answer.reason) == ("unimplemented", NOT_PERSISTENT)


def test_an_object_of_another_peer_has_that_peers_answer(place, one, two):
    vat = Vat(place)
    host, _ = reach(vat, two, 6)
    link, root = reach(vat, one, first=False)
    # The application gets an object of `two`, and gives it to `one`.
    question = host.question()
    host.send(w.call(question, 0, 0x1234, 1, w.Struct([], [w.Cap(0)]), [("senderHosted", 40)]))
    given = vat.link.expect("call")
    vat.link.send(w.results(given.question))
    asked = link.question()
    link.send(w.call(asked, root, 0x1234, 2))
    saved = link.question()
    # Its place is not known yet.
    link.send(w.call(saved, (asked, [0]), PERSISTENT, 0))
    call = vat.link.expect("call")
    own = vat.link.expect("call")
    assert own.interface == PERSISTENT
    ours = given.caps[0][1]
    vat.link.send(w.results(call.question, w.Struct([], [w.Cap(0)]), [("receiverHosted", ours)]))
    # As stock applications do: the save goes on to where the object is, and its answer comes back.
    vat.link.send(w.call(0, ours, PERSISTENT, 0, to=1))
    vat.link.send(w.return_other(own.question, "takeFromOtherQuestion", 0))
    at_host = host.expect("call")
    assert (at_host.interface, at_host.target) == (PERSISTENT, 40)
    host.send(w.results(at_host.question, w.Struct([], [w.Text("capnp://insecure@there:1/YQ")])))
    assert text_of(link.returned(saved)) == "capnp://insecure@there:1/YQ"
    assert json.loads(vat.refs("list", "--json")) == []


def test_a_plain_server_answers_for_itself(place, one):
    vat = Vat(place, interface="plain")
    link = one.dial(vat.address)
    question = link.question()
    link.send(w.bootstrap(question, w.ObjectId.of(vat.uri)))
    asked = vat.link.expect("bootstrap")
    vat.link.send(w.results(asked.question, w.Cap(0), [("senderHosted", 3)]))
    root = link.returned(question).caps[0][1]
    saved = link.question()
    link.send(w.call(saved, root, PERSISTENT, 0, w.Struct([], [w.Text("somebody")])))
    heard = vat.link.expect("call")
    assert heard.content.get(0) == b"somebody\0"
    vat.link.send(w.results(heard.question, w.Struct([], [w.Text("my own")])))
    assert text_of(link.returned(saved)) == "my own"
    assert json.loads(vat.refs("list", "--json")) == []


def test_an_application_that_calls_serve_is_one_from_then_on(place, one):
    vat = Vat(place, interface="plain")
    sidecar = vat.link.bootstrap()
    served = vat.link.call(sidecar, SIDECAR, SERVE, w.Struct([], [w.Cap(0)]), [("senderHosted", 2)])
    assert served.how == "results", served
    link, root = reach(vat, one, first=False)
    uri = text_of(save(vat, link, root, w.Text("accounts/7"))[1])
    assert [ref["label"] for ref in json.loads(vat.refs("list", "--json"))] == ["accounts/7"]
    unseen(place, uri)


def test_only_what_could_be_restored_is_saved(place, one):
    """A record names no application; refs are those of the one at the top."""
    vat = Vat.__new__(Vat)
    vat.sidecar = place.sidecar("vat", {
        "key": str(foreign.VECTORS / "keys/key1.pem"), "store": "memory",
        "app": {"accept": "unix:app.sock", "interface": "application"}, "listen": "tcp:127.0.0.1:0",
        "exports": {"other": {"capFile": "other.cap", "app": {"accept": "unix:other.sock",
                                                              "interface": "application"}}}},
        ready=False)
    top = vat.dial_in()
    vat.link = vat.dial_in("other.sock")
    vat.sidecar.wait_ready()
    vat.uri = vat.sidecar.cap("other.cap")
    vat.address = harness.uri_place(vat.uri)
    link, root = reach(vat, one)
    _, answer = save(vat, link, root, w.Text("a"))
    assert answer.how == "exception" and answer.reason.startswith(
        "save: only objects of the application that `app` names can be saved"), answer
    assert top.quiet(0)


def test_nothing_is_acknowledged_while_the_store_is_gone_and_all_is_well_again_when_it_is_back(place, one):
    vat = Vat(place, store="files:refs")
    refs = vat.sidecar.folder / "refs"
    link, root = reach(vat, one)
    first = text_of(save(vat, link, root, w.Text("a"))[1])
    away = vat.sidecar.folder / "away"
    refs.rename(away)
    _, answer = save(vat, link, root, w.Text("b"))
    assert (answer.how, answer.kind) == ("exception", "overloaded"), answer
    assert answer.reason.startswith("save: ") and "refs" not in answer.reason.replace("sturdy refs", "")
    # The operator reads the cause.
    vat.sidecar.wait_log(r"the store of sturdy refs failed: \S+/refs is gone")
    away.rename(refs)

    def again():
        _, answer = save(vat, link, root, w.Text("b"))
        return answer.how == "results" and text_of(answer)
    second = harness.eventually(again, "refs are saved again")
    assert second != first
    assert text_of(save(vat, link, root, w.Text("a"))[1]) == first
    unseen(place, first, second)


@pytest.mark.parametrize("store", ["sqlite:refs.db", "files:refs"])
def test_every_uri_that_a_peer_was_told_is_there_after_a_kill(place, one, store):
    vat = Vat(place, store=store)
    link, root = reach(vat, one)
    questions = [link.question() for _ in range(100)]
    link.send(*[w.call(q, root, PERSISTENT, 0) for q in questions])
    for number in questions:
        vat.saved(w.Text(f"accounts/{number}"))
    uris = [text_of(link.expect("return")) for _ in range(20)]
    vat.sidecar.kill()
    try:
        while True:
            uris.append(text_of(link.expect("return")))
    except raw.Ended:
        pass
    there = {ref["ref"] for ref in json.loads(vat.refs("list", "--json"))}
    for uri in uris:
        name = hashlib.sha256(base64.urlsafe_b64decode(secret(uri) + "==")).digest()
        assert base64.urlsafe_b64encode(name).decode().rstrip("=") in there


def test_a_peer_that_leaves_before_its_answer_harms_nobody(place, one, two):
    vat = Vat(place)
    link, root = reach(vat, one)
    stays, their_root = reach(vat, two, 6, first=False)
    question = link.question()
    link.send(w.call(question, root, PERSISTENT, 0))
    asked = vat.link.expect("call")
    link.close()
    vat.link.expect("finish", question=asked.question)
    vat.link.send(w.results(asked.question, w.Struct([], [w.Text("a")])))
    assert text_of(save(vat, stays, their_root, w.Text("a"))[1])
    assert len(json.loads(vat.refs("list", "--json"))) == 1


# --- a recorded client of the OCaml library saves


def test_a_client_of_the_ocaml_library_is_answered_as_by_that_library(place):
    """Word by word, but for the URI: a client that saved at its own library's vat."""
    transcripts = foreign.VECTORS / "transcripts"
    index = foreign.load("transcripts/index.json")["transcripts"]
    connection = next(c for t in index for c in t["connections"]
                      if c["client_to_server"] == "persistent-save-conn1.c2s.bin")
    answers = (transcripts / connection["server_to_client"]).read_bytes()
    recorded = [parsed(answers, m) for m in connection["messages"]
                if m["dir"] == "s2c" and not m.get("eof")]
    returned = [m for m in recorded if m.tag == "return" and m.how == "results" and not m.caps][-1]
    vat = Vat(place, listen={"address": "tcp:127.0.0.1:0", "tls": "off"})
    link, root = reach(vat, None)
    _, answer = save(vat, link, root, w.Text("thing one"))
    ours, theirs = text_of(answer), text_of(returned)
    assert theirs.startswith("capnp://insecure@127.0.0.1:") and ours.startswith(
        "capnp://insecure@127.0.0.1:")
    shape = w.dump(returned.content)
    shape["pointers"] = [ours.encode() + b"\0"]
    assert w.dump(answer.content) == shape


def parsed(data, entry):
    frame = data[entry["offset"]:entry["offset"] + entry["length"]]
    count = int.from_bytes(frame[:4], "little") + 1
    sizes = [int.from_bytes(frame[4 * i:4 * i + 4], "little") for i in range(1, count + 1)]
    return w.parse(frame[len(frame) - 8 * sum(sizes):], sizes)
