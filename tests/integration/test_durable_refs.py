# SPDX-License-Identifier: Apache-2.0
"""Durable refs: what was saved comes back after any end of the sidecar, stops everywhere when it is
revoked, and a store that fails takes nothing else with it."""

import json
import resource
import shutil
import time

import foreign
import harness
import ledger
import pytest
import raw
import rawwire as w
from ledger import UNKNOWN_ID, Visitor, make_refs

pytestmark = pytest.mark.needs("vatmesh-sidecar", "vatmesh")

STORES = ["files:refs", "sqlite:refs.db"]


@pytest.fixture
def alice(place):
    return foreign.ForeignVat(place, "key2")


@pytest.fixture
def bob(place):
    return foreign.ForeignVat(place, "key4")


@pytest.mark.parametrize("store", STORES)
def test_every_ref_comes_back_after_the_sidecar_was_killed(place, alice, bob, store):
    vat = ledger.Vat(place, store)
    names = [f"entry {i}" for i in range(40)]
    uris = make_refs(vat, Visitor(vat, alice), *names)
    vat.crash()
    vat.start()
    visitor = Visitor(vat, bob)
    for name, uri in uris.items():
        assert visitor.name(visitor.restore(uri)) == name
    assert sorted(vat.app.restored) == sorted(names)
    # What is saved once more keeps its URI.
    assert make_refs(vat, Visitor(vat, alice), names[0])[names[0]] == uris[names[0]]


def test_a_new_key_beside_the_refs_of_another_is_told(place, alice):
    vat = ledger.Vat(place, key="vat.key")
    make_refs(vat, Visitor(vat, alice), "one")
    vat.crash()
    vat.start()
    text = "there are refs in it, but the key is new"
    assert text not in vat.sidecar.log()
    vat.crash()
    vat.store("vat.key").unlink()
    vat.start()
    vat.sidecar.wait_log(text)


def test_a_ref_restored_by_many_at_once_is_asked_for_once(place, alice, bob):
    vat = ledger.Vat(place)
    uri = make_refs(vat, Visitor(vat, alice), "one")["one"]
    vat.app.answering.clear()
    visitors = [Visitor(vat, alice), Visitor(vat, bob)]
    asked = [(visitor, visitor.ask(uri)) for visitor in visitors for _ in range(20)]
    harness.eventually(lambda: vat.app.waiting, "the application is asked")
    # All of them wait: each has been read from the store, or shares a read.
    harness.eventually(lambda: vat.sidecar.metric("vatmesh_answers_in_flight") >= len(asked),
                       "all have asked")
    vat.app.let()
    objects = [(visitor, visitor.outcome(question)) for visitor, question in asked]
    for visitor, object in objects:
        assert visitor.name(object) == "one"
    assert vat.app.restored == ["one"]
    # As long as somebody holds it, others get the same.
    late = Visitor(vat, alice)
    assert late.name(late.restore(uri)) == "one"
    assert vat.app.restored == ["one"]


def test_one_who_leaves_costs_the_application_nothing(place, alice, bob):
    vat = ledger.Vat(place)
    uris = make_refs(vat, Visitor(vat, alice), "one", "two")
    vat.app.answering.clear()
    leaver = Visitor(vat, bob)
    leaver.ask(uris["one"])
    harness.eventually(lambda: vat.app.waiting, "the application is asked")
    asked = vat.app.waiting[0].question
    leaver.link.close()
    harness.eventually(lambda: asked in vat.app.finished, "the application hears that nobody waits")
    vat.app.let()
    stays = Visitor(vat, alice)
    assert stays.name(stays.restore(uris["one"])) == "one"
    assert vat.app.restored == ["one", "one"]


def test_what_the_application_does_not_know_is_its_answer_and_is_not_kept(place, alice):
    vat = ledger.Vat(place)
    visitor = Visitor(vat, alice)
    uri = make_refs(vat, visitor, "nobody")["nobody"]
    for _ in range(2):
        assert visitor.restore(uri).reason == "there is nobody"
    assert vat.app.restored == ["nobody", "nobody"]
    assert vat.counted("app_error") == 2


@pytest.mark.parametrize("store", STORES)
def test_a_revocation_cuts_what_was_restored_also_where_it_was_handed_on(place, alice, bob, store):
    vat = ledger.Vat(place, store)
    hers, his = Visitor(vat, alice), Visitor(vat, bob)
    uris = make_refs(vat, hers, "one", "two")
    one, two = hers.restore(uris["one"]), hers.restore(uris["two"])
    # Bob gives an object of his to the application, which gives it to Alice.
    his_root, her_root = his.restore(vat.uri), hers.restore(vat.uri)
    his.call(his_root, ledger.KEEP, w.Struct([], [w.Cap(0)]), [("senderHosted", 50)])
    theirs = hers.call(her_root, ledger.GIVE)
    (_, at_bob), = theirs.caps
    # With it she hands on what she has restored.
    question = hers.link.question()
    hers.link.send(w.call(question, at_bob, ledger.ENTRY, ledger.KEEP, w.Struct([], [w.Cap(0)]),
                          [("receiverHosted", one)]))
    handed = his.link.expect("call")
    (_, got), = handed.caps
    his.link.send(w.results(handed.question, no_finish=True))
    assert (his.name(got), hers.name(one), hers.name(two)) == ("one", "one", "two")
    named = ledger.digest_name(vat, "one")
    vat.refs("revoke", named)
    text = f"the sturdy ref {named} was revoked"
    harness.eventually(lambda: his.name(got) == text, "the revocation is known")
    assert (hers.name(one), hers.name(two)) == (text, "two")
    assert hers.restore(uris["one"]).reason == UNKNOWN_ID
    # Saved anew it is another one.
    again = make_refs(vat, hers, "one")["one"]
    assert again != uris["one"] and hers.name(hers.restore(again)) == "one"
    assert hers.restore(uris["one"]).reason == UNKNOWN_ID


def test_a_revocation_is_known_within_a_second(place, alice):
    vat = ledger.Vat(place)
    visitor = Visitor(vat, alice)
    one = visitor.restore(make_refs(vat, visitor, "one")["one"])
    named = ledger.digest_name(vat, "one")
    vat.refs("revoke", named)
    # From the end of the command on; a busy machine gets more.
    harness.eventually(lambda: "revoked" in visitor.name(one), "it is known",
                       timeout=1 if harness.DEADLINE <= 60 else None)


# --- what programs publish

SIDECAR, PUBLISH, REVOKE = 0xf90a4bffa9961ecf, 4, 5
EXPORT, END = 0x9de154ff564611a2, 0


class Program:
    """A local program, and its Sidecar."""

    def __init__(self, vat):
        self.link = raw.RawPeer(harness.connect(vat.sidecar.socket("control.sock")), harness.DEADLINE)
        self.sidecar = self.link.bootstrap()

    def publish(self, name, expires=0):
        """The URI and the handle."""
        answer = self.link.call(self.sidecar, SIDECAR, PUBLISH,
                                w.Struct([expires], [w.Text(name), w.Text("label of " + name), None]))
        assert answer.how == "results", answer
        (_, handle), = answer.caps
        return answer.content.text(0), handle

    def revoke(self, uri):
        answer = self.link.call(self.sidecar, SIDECAR, REVOKE, w.Struct([], [w.Text(uri)]))
        return answer.how if answer.how == "results" else answer.reason


@pytest.fixture
def published(place):
    return ledger.Vat(place, control="unix:control.sock")


def test_what_a_program_publishes_outlives_it_and_the_sidecar(published, alice):
    program = Program(published)
    uri, _ = program.publish("clock")
    assert program.publish("clock")[0] == uri
    program.link.close()
    published.crash()
    published.start()
    visitor = Visitor(published, alice)
    assert visitor.name(visitor.restore(uri)) == "clock"
    assert Program(published).publish("clock")[0] == uri
    assert list(published.listed()) == ["label of clock"]
    log, named = published.sidecar.log(), published.listed()["label of clock"][:10]
    assert f"control published an object as sturdy ref {named}\n" in log
    assert f"sturdy refs are kept in sqlite:{published.store('refs.db')}\n" in log


@pytest.mark.parametrize("how", ["uri", "handle"])
def test_what_a_program_revokes_is_cut_before_it_is_answered(published, alice, how):
    program, visitor = Program(published), Visitor(published, alice)
    uri, handle = program.publish("clock")
    clock = visitor.restore(uri)
    assert visitor.name(clock) == "clock"
    named = published.listed()["label of clock"][:10]
    if how == "uri":
        assert program.revoke(uri) == "results"
        assert program.revoke(uri) == "revoke: there is no such ref, or no longer"
    else:
        assert program.link.call(handle, EXPORT, END).how == "results"
    assert visitor.name(clock) == f"the sturdy ref {named} was revoked"
    assert visitor.restore(uri).reason == UNKNOWN_ID
    log = published.sidecar.log()
    assert f"the sturdy ref {named} was revoked: what was restored from it is cut off\n" in log
    assert (f"control revoked the sturdy ref {named}\n" in log) == (how == "uri")
    assert published.listed() == {}


def test_a_ref_that_ends_is_cut_at_its_end(published, alice):
    program, visitor = Program(published), Visitor(published, alice)
    uri, _ = program.publish("clock", int(time.time() * 1000) + 2500)
    clock = visitor.restore(uri)
    assert visitor.name(clock) == "clock"
    harness.eventually(lambda: visitor.name(clock).endswith(" has expired"), "the ref ends")
    assert visitor.restore(uri).reason == UNKNOWN_ID


def test_whoever_saves_through_a_ref_and_lets_go_of_it_gets_no_longer_one(published, alice):
    end = int(time.time() * 1000) + 3_600_000
    visitor = Visitor(published, alice)
    clock = visitor.restore(Program(published).publish("clock", end)[0])
    question = visitor.link.question()
    visitor.link.send(w.call(question, clock, ledger.PERSISTENT, 0) + w.release(clock))
    saved = visitor.link.returned(question).content.text(0)
    assert visitor.name(visitor.restore(saved)) == "clock"
    listed = json.loads(published.refs("list", "--json"))
    assert [ref["label"] for ref in listed if not ref["expires"]] == []
    assert len(listed) == 2


# --- a store that fails


def still_served(vat, visitor, held):
    """Everything but the store works."""
    root = visitor.restore(vat.uri)
    assert visitor.name(root) == ledger.ROOT
    assert visitor.name(held) == "one"
    assert vat.sidecar.get("/readyz")[0] == 200
    assert vat.sidecar.running()


def is_down(vat, visitor, uri):
    harness.eventually(lambda: vat.check().startswith("[-] store: "), "the store is told to be down")
    assert vat.sidecar.metric("vatmesh_store_up") == 0
    answer = visitor.restore(uri)
    assert (answer.kind, answer.reason) == ("overloaded", ledger.STORE_DOWN)
    assert vat.counted("store_error") >= 1


def is_back(vat, visitor, uris):
    harness.eventually(lambda: vat.check() == "[+] store", "the store is told to be back")
    assert vat.sidecar.metric("vatmesh_store_up") == 1
    for name, uri in uris.items():
        assert visitor.name(visitor.restore(uri)) == name


@pytest.mark.parametrize("store", STORES)
def test_a_store_that_is_taken_away_and_brought_back(place, alice, store):
    vat = ledger.Vat(place, store)
    visitor = Visitor(vat, alice)
    uris = make_refs(vat, visitor, "one", "two")
    held = visitor.restore(uris["one"])
    here = sorted(vat.sidecar.folder.glob("refs*"))
    away = vat.sidecar.folder / "away"
    away.mkdir()
    for path in here:
        path.rename(away / path.name)
    is_down(vat, visitor, uris["two"])
    still_served(vat, visitor, held)
    for path in here:
        (away / path.name).rename(path)
    is_back(vat, visitor, uris)
    still_served(vat, visitor, held)


@pytest.mark.parametrize("store", STORES)
def test_a_store_that_is_not_there_at_the_start(place, alice, store):
    vat = ledger.Vat(place, store)
    uris = make_refs(vat, Visitor(vat, alice), "one", "two")
    vat.crash()
    kind, name = store.split(":")
    path = vat.store(name)
    shutil.move(path, vat.store("away"))
    if kind == "files":
        path.write_text("in the way\n")
    else:
        path.mkdir()
    vat.start()
    visitor = Visitor(vat, alice)
    is_down(vat, visitor, uris["one"])
    assert visitor.name(visitor.restore(vat.uri)) == ledger.ROOT
    refused = visitor.save(visitor.restore(vat.uri))
    assert (refused.kind, refused.reason) == ("overloaded", "save: " + ledger.STORE_DOWN)
    if kind == "files":
        path.unlink()
    else:
        path.rmdir()
    shutil.move(vat.store("away"), path)
    is_back(vat, visitor, uris)
    log = vat.sidecar.log()
    assert "the store can't be used: " in log and "the store is back" in log


@pytest.mark.parametrize("store", STORES)
def test_a_full_disk_refuses_what_is_new_and_keeps_what_is_there(place, alice, store):
    vat = ledger.Vat(place, store)
    visitor = Visitor(vat, alice)
    uris = make_refs(vat, visitor, "one")
    # A file that the sidecar writes can grow no more, as on a disk that is full.
    soft, hard = resource.prlimit(vat.sidecar.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    vat.app.names[1] = "two"
    refused = visitor.save(visitor.restore(vat.uri))
    assert refused.how == "exception" and refused.kind == "overloaded", refused
    vat.app.names[1] = ledger.ROOT
    held = visitor.restore(uris["one"])
    still_served(vat, visitor, held)
    resource.prlimit(vat.sidecar.pid, resource.RLIMIT_FSIZE, (soft, hard))
    again = harness.eventually(lambda: make_refs(vat, visitor, "two"), "refs are saved again")
    is_back(vat, visitor, {**uris, **again})


@pytest.mark.parametrize("store", STORES)
def test_a_damaged_ref_fails_alone(place, alice, store):
    vat = ledger.Vat(place, store)
    visitor = Visitor(vat, alice)
    uris = make_refs(vat, visitor, "one", "two")
    ref = vat.listed()["one"]
    if store.startswith("files"):
        (vat.store("refs") / ref).write_bytes(b"\0" * 24)
    else:
        import base64
        import sqlite3
        db = sqlite3.connect(vat.store("refs.db"))
        db.execute("UPDATE refs SET record = zeroblob(64) WHERE digest = ?",
                   (base64.urlsafe_b64decode(ref + "="),))
        db.commit()
        db.close()
    answer = visitor.restore(uris["one"])
    assert answer.reason == (f"what was stored of the sturdy ref {ref[:10]} is damaged; ask its owner "
                             "for a new one")
    assert visitor.name(visitor.restore(uris["two"])) == "two"
    assert vat.check() == "[+] store"


def test_no_id_and_no_path_of_a_store_is_told(place, alice):
    vat = ledger.Vat(place)
    visitor = Visitor(vat, alice)
    uri = make_refs(vat, visitor, "one")["one"]
    held = visitor.restore(uri)
    vat.refs("revoke", ledger.digest_name(vat, "one"))
    harness.eventually(lambda: "revoked" in visitor.name(held), "it is known")
    visitor.restore(uri)
    secret = uri.rsplit("/", 1)[1]
    assert vat.listed() == {}  # a counter that remains is no ref
    told = vat.sidecar.log() + vat.sidecar.get("/metrics")[1] + vat.refs("list", "--json")
    assert secret not in told
    assert secret.encode() not in b"".join(p.read_bytes() for p in
                                           vat.sidecar.folder.glob("refs.db*"))
