# SPDX-License-Identifier: Apache-2.0
"""`Sidecar` as local programs and applications reach it: who may, how long what they export lives, what
they are told when something fails, and what a hostile one can't do. Programs are played by the test;
test_people.py has real ones."""

import base64
import os
import re
import subprocess
import sys

import pytest

import harness
import raw
import rawwire as w

pytestmark = pytest.mark.needs("vatmesh-sidecar")

SIDECAR, EXPORT, PROBE = 0xf90a4bffa9961ecf, 0x9de154ff564611a2, 0x1234
SELF, IMPORT, LOOKUP, EXPORT_LIVE, PUBLISH, REVOKE, SERVE = range(7)
INFO = 1
PEERS = {"address": "unix:peer.sock", "tls": "off"}
UNKNOWN_ID = "Unknown persistent service ID"


class Failed(Exception):
    """A call was answered by an exception, with this text."""


def results(answer):
    if answer.how != "results":
        raise Failed(answer.reason)
    return answer


class Program(raw.RawPeer):
    """A program with its Sidecar. Its objects are numbers."""

    def __init__(self, sock_or_address):
        sock = sock_or_address
        if isinstance(sock, str):
            sock = harness.connect(sock)
        super().__init__(sock, harness.DEADLINE)
        self.sidecar = self.bootstrap()

    def ask(self, method, content=None, caps=()):
        return results(self.call(self.sidecar, SIDECAR, method, content, caps))

    def export(self, number, label="an object"):
        """The URI and the handle of our object `number`."""
        answer = self.ask(EXPORT_LIVE, w.Struct([], [w.Cap(0), w.Text(label)]),
                          [("senderHosted", number)])
        return answer.content.text(0), answer.caps[answer.content.get(1).index][1]

    def import_(self, uri, reconnect=False):
        """The import id of what `uri` names, a promise."""
        answer = self.ask(IMPORT, w.Struct([int(reconnect)], [w.Text(uri)]))
        return answer.caps[answer.content.get(0).index][1]

    def answer_one(self):
        """Answers the next call on one of our objects."""
        asked = self.expect("call", interface=PROBE)
        self.send(w.results(asked.question, w.Struct([7], [])))
        return asked

    def release(self, number):
        self.send(w.release(number))


class Peer(raw.RawPeer):
    """A remote vat that restores from a sidecar without TLS."""

    def __init__(self, sidecar):
        super().__init__(harness.connect(sidecar.socket("peer.sock")), harness.DEADLINE)

    def restore(self, uri):
        """The import id of what `uri` names."""
        question = self.question()
        self.send(w.bootstrap(question, w.ObjectId.of(uri)))
        answer = results(self.returned(question))
        return answer.caps[answer.content.index][1]

    def start(self, number):
        question = self.question()
        self.send(w.call(question, number, PROBE, 0))
        return question

    def outcome(self, number):
        """How a call on `number` ends."""
        answer = self.call(number, PROBE, 0)
        return answer.reason if answer.how == "exception" else answer.how


def start(place, name="vat", **more):
    return place.sidecar(name, {"listen": PEERS, "control": "unix:control.sock",
                                "log": {"level": "debug"}, **more})


def live(sidecar):
    return sidecar.metric("vatmesh_live_exports")


@pytest.fixture
def sidecar(place):
    return start(place)


@pytest.fixture
def program(sidecar):
    return Program(sidecar.socket("control.sock"))


# --- who may

def knock(path, uid):
    """What a program of another user gets at a socket: "closed", or the error's name."""
    script = ("import os, socket, sys; os.setuid(int(sys.argv[2])); s = socket.socket(socket.AF_UNIX)\n"
              "try: s.connect(sys.argv[1]); s.settimeout(30); print('closed' if not s.recv(1) else 'open')\n"
              "except OSError as e: print(type(e).__name__)")
    return subprocess.run([sys.executable, "-c", script, path, str(uid)], check=True, timeout=60,
                          capture_output=True, text=True).stdout.strip()


needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")


@needs_root
def test_other_users_are_kept_out(place):
    os.chmod(place.path, 0o755)
    closed = start(place, "closed")
    others = start(place, "others", control={"address": "unix:control.sock", "allowUids": [4711]})
    for sidecar in (closed, others):
        os.chmod(sidecar.folder, 0o755)
    assert knock(closed.folder / "control.sock", 65534) == "PermissionError"
    # The file lets them knock, but only who is named is let in.
    assert knock(others.folder / "control.sock", 65534) in ("closed", "ConnectionResetError")
    others.wait_log(r"control: .*65534")
    assert Program(others.socket("control.sock")).sidecar is not None


# --- how long exports live

def test_an_exported_object_is_called_by_peers(program, sidecar):
    uri, _ = program.export(5)
    peer = Peer(sidecar)
    question = peer.start(peer.restore(uri))
    assert program.answer_one().target == 5
    assert results(peer.returned(question)).content.bits(0, 64) == 7


def test_an_export_ends_with_its_handle(program, sidecar):
    uri, handle = program.export(5)
    other, _ = program.export(6)
    peer = Peer(sidecar)
    number, kept = peer.restore(uri), peer.restore(other)
    assert live(sidecar) == 2
    program.release(handle)
    harness.eventually(lambda: live(sidecar) == 1, "the export is gone")
    assert peer.outcome(number) == "it is exported no longer"
    with pytest.raises(Failed, match=UNKNOWN_ID):
        peer.restore(uri)
    peer.start(kept)
    program.answer_one()


def test_an_export_ends_with_the_connection_that_made_it(program, sidecar):
    uri, _ = program.export(5)
    other = Program(sidecar.socket("control.sock"))
    kept, _ = other.export(5)
    peer = Peer(sidecar)
    number, still = peer.restore(uri), peer.restore(kept)
    program.close()
    harness.eventually(lambda: live(sidecar) == 1, "the export is gone")
    assert peer.outcome(number) == "the program that exported it is gone"
    peer.start(still)
    other.answer_one()


def test_a_revoked_export_is_cut(program, sidecar):
    by_handle, handle = program.export(5)
    by_uri, _ = program.export(6)
    peer = Peer(sidecar)
    numbers = [peer.restore(by_handle), peer.restore(by_uri)]
    results(program.call(handle, EXPORT, 0))
    program.ask(REVOKE, w.Struct([], [w.Text(by_uri)]))
    for number in numbers:
        assert re.fullmatch(r"the sturdy ref \S{10} was revoked", peer.outcome(number))


def test_an_export_on_the_link_of_one_peer_ends_with_that_peer(place):
    """The application is dialled once for each peer; contracts: use control, or links: shared."""
    server = harness.close_later(raw.RawServer(f"{place.path}/app.sock", harness.DEADLINE))
    sidecar = start(place, app=server.address, exports={"probe": {"id": {"public": ""}}})
    first = Peer(sidecar)
    asked = first.question()
    first.send(w.bootstrap(asked))
    app = server.accept()
    bootstrap = app.expect("bootstrap")
    app.send(w.results(bootstrap.question, w.Cap(0), [("senderHosted", 0)]))
    results(first.returned(asked))

    program = Program(app.sock)  # on its own connection
    uri, _ = program.export(5)
    second = Peer(sidecar)
    number = second.restore(uri)
    question = second.start(number)
    program.answer_one()
    results(second.returned(question))

    first.close()
    harness.eventually(lambda: live(sidecar) == 0, "the export is gone")
    assert second.outcome(number) == "the program that exported it is gone"


def test_what_an_application_imports_of_its_own_is_on_its_own_link(place):
    server = harness.close_later(raw.RawServer(f"{place.path}/app.sock", harness.DEADLINE))
    sidecar = start(place, app=server.address,
                    exports={"probe": {"id": {"public": ""}, "capFile": "probe.cap"}})
    peer = Peer(sidecar)
    asked = peer.question()
    peer.send(w.bootstrap(asked))
    app = server.accept()
    app.send(w.results(app.expect("bootstrap").question, w.Cap(0), [("senderHosted", 0)]))
    results(peer.returned(asked))

    program = Program(app.sock)
    number = program.import_(sidecar.cap("probe.cap"))
    again = program.expect("bootstrap")
    program.send(w.results(again.question, w.Cap(0), [("senderHosted", 0)]))
    assert program.expect("resolve", promise=number).cap == ("receiverHosted", 0)
    assert sidecar.metric("vatmesh_app_link_up") == 1


# --- what programs are told

def test_imports_fail_with_their_cause(program, sidecar):
    port = harness.free_port()
    for uri, cause in (
            (f"capnp://insecure@127.0.0.1:{port}/c2VjcmV0", rf"import: .*127\.0\.0\.1:{port}"),
            (f"capnp://insecure@{sidecar.folder}/peer.sock/c2VjcmV0", "This vat has no restorer")):
        answer = program.call(program.import_(uri), PROBE, 0)
        assert answer.how == "exception" and re.match(cause, answer.reason), answer
    for uri in ("capnp://nonsense/c2VjcmV0", "http://host:1/c2VjcmV0", ""):
        with pytest.raises(Failed, match="^import: ") as failed:
            program.import_(uri)
        assert "c2VjcmV0" not in str(failed.value)
    with pytest.raises(Failed, match="reconnect comes with a later version"):
        program.import_(f"capnp://insecure@127.0.0.1:{port}/c2VjcmV0", reconnect=True)
    assert "c2VjcmV0" not in sidecar.log() and "secret" not in sidecar.log()


def test_an_import_from_another_vat_is_called_at_once(place, program):
    other = start(place, "other")
    host = Program(other.socket("control.sock"))
    uri, handle = host.export(5)
    number = program.import_(uri)
    question = program.question()
    program.send(w.call(question, number, PROBE, 3))
    assert host.answer_one().method == 3
    assert results(program.returned(question)).content.bits(0, 64) == 7
    host.release(handle)
    harness.eventually(lambda: live(other) == 0, "the export is gone")
    assert program.call(number, PROBE, 0).reason == "it is exported no longer"


def test_an_import_is_looked_up_while_it_waits(place, program):
    other = start(place, "other")
    host = Program(other.socket("control.sock"))
    uri, _ = host.export(5)
    waiting = start(place, "waiting", imports={"bank": {"uri": "bank.cap", "socket": "unix:bank.sock"}})
    client = Program(waiting.socket("control.sock"))
    answer = client.ask(LOOKUP, w.Struct([], [w.Text("bank")]))
    number = answer.caps[answer.content.get(0).index][1]
    question = client.question()
    client.send(w.call(question, number, PROBE, 0))
    (waiting.folder / "bank.cap").write_text(uri + "\n")
    host.answer_one()
    results(client.returned(question))
    with pytest.raises(Failed, match='lookup: the configuration has no import "shop"'):
        client.ask(LOOKUP, w.Struct([], [w.Text("shop")]))


def test_a_program_learns_who_its_vat_is(place):
    secure = start(place, "secure", key="vat.key", listen="tcp:127.0.0.1:0")
    told = Program(secure.socket("control.sock")).ask(SELF).content
    log = secure.wait_log(r"this vat is sha-256:(\S+)").group(1)
    assert told.get(0) == base64.urlsafe_b64decode(log + "=")
    address = secure.wait_log(r"link: listening at (\S+)").group(1)
    assert told.get(1) == [address.encode() + b"\0"]

    deaf = start(place, "deaf", listen=None)
    program = Program(deaf.socket("control.sock"))
    assert program.ask(SELF).content.get(0) is None
    with pytest.raises(Failed, match='export: nobody can dial this vat: set "listen"'):
        program.export(5)


def test_what_needs_a_store_says_so(program):
    with pytest.raises(Failed, match='publish: no durable store; set "store"'):
        program.ask(PUBLISH, w.Struct([0], [w.Text("accounts/7"), w.Text("label"), None]))
    with pytest.raises(Failed, match="serve: only an application's own connection"):
        program.ask(SERVE, w.Struct([], [w.Cap(0)]), [("senderHosted", 0)])


def test_no_secret_is_logged(program, sidecar):
    uri, handle = program.export(5, label="a private label")
    results(program.call(handle, EXPORT, INFO))
    peer = Peer(sidecar)
    peer.restore(uri)
    program.ask(REVOKE, w.Struct([], [w.Text(uri)]))
    log = sidecar.wait_log(r"live export (\S{10}) ended: ").string
    assert uri.rsplit("/", 1)[1] not in log and "private" not in log
    assert "private" not in sidecar.get("/metrics")[1]


# --- hostile programs

def test_a_flood_of_exports_is_bounded(place):
    sidecar = start(place, limits={"exports": 40})
    flood, other = (Program(sidecar.socket("control.sock")) for _ in range(2))
    made = 0
    with pytest.raises(Failed, match="exports|too many"):
        for made in range(200):
            flood.export(made)
    assert 30 <= made <= 40 and live(sidecar) <= 40
    other.export(5)
    flood.close()
    harness.eventually(lambda: live(sidecar) == 1, "the flood's exports are gone")


@pytest.mark.parametrize("content", [
    None, w.Struct([], []), w.Struct([], [w.Text("x")] * 4), w.Struct([], [w.Struct([1], [])] * 4),
    w.Struct([], [w.Word(w.struct_pointer(99999, 5, 5))] * 4), w.Struct([], [w.Bytes(b"no end")] * 4),
    w.Struct([], [w.Word(w.far_pointer(9, 9))] * 4), w.Struct([], [w.Cap(17), w.Cap(18)]),
    w.Struct([], [w.Word(w.list_pointer(0, 0, (1 << 29) - 1))] * 4)])
def test_wrong_parameters_cost_that_call_only(program, content):
    for method in (*range(IMPORT, SERVE + 1), 99):
        answer = program.call(program.sidecar, SIDECAR, method, content)
        assert answer.how == "exception", (method, answer)
    program.ask(SELF)


def test_garbage_costs_that_connection_only(program, sidecar):
    bad = harness.connect(sidecar.socket("control.sock"))
    bad.sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(range(256)))
    bad.settimeout(harness.DEADLINE)
    while bad.recv(4096):
        pass
    program.ask(SELF)
    with pytest.raises(AssertionError):
        program.bootstrap(w.Bytes(b"an id"))
    Program(sidecar.socket("control.sock")).ask(SELF)
