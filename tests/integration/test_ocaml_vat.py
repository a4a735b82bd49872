# SPDX-License-Identifier: Apache-2.0
"""How our vat behaves among vats of the OCaml library (ocaml-network 5 and 9): who has a key, which
connection serves whom, what becomes of two, and how ends are told. We are key1; the others are
smaller (key2) or greater (key4) by fingerprint."""

import re
from pathlib import Path

import foreign
import front as f
import harness
import pytest
import raw
import rawwire as w
import topology

pytestmark = pytest.mark.needs("vatmesh-sidecar", "probe-server")

TLS_LINKS = r'vatmesh_connections_open\{.*transport="tls".*\} (\d+)'


class Vat:
    """Our vat: key1, a stock application as export `main`, and an import of `peer` if one is given."""

    def __init__(self, place, peer=None, **more):
        self.app = topology.App(place, "cpp-tcp")
        imports = {"there": {"uri": peer.uri(), "socket": "unix:there.sock"}} if peer else None
        self.sidecar = place.sidecar("vat", {
            "key": str(foreign.VECTORS / "keys/key1.pem"), "listen": "tcp:127.0.0.1:0",
            "app": self.app.config, "exports": {"main": {"capFile": "main.cap"}}, "imports": imports,
            **more})
        self.uri = self.sidecar.cap("main.cap")
        self.address = harness.uri_place(self.uri)

    def client(self):
        """A local program at the import, whose Bootstrap is on its way."""
        client = raw.RawPeer(harness.connect(self.sidecar.socket("there.sock")), harness.DEADLINE)
        client.send(w.bootstrap(client.question()))
        return client

    def tls_links(self):
        text = self.sidecar.get("/metrics")[1]
        return sum(int(n) for n in re.findall(TLS_LINKS, text))


def offer(peer):
    """Answers the next Bootstrap with our object 0; gives the Bootstrap."""
    asked = peer.expect("bootstrap")
    peer.send(w.results(asked.question, w.Cap(0), [("senderHosted", 0)]))
    return asked


def served(client):
    assert client.returned(0).how == "results"


@pytest.fixture
def small(place):
    return foreign.ForeignVat(place, "key2")


@pytest.fixture
def great(place):
    return foreign.ForeignVat(place, "key4")


# --- identity ---

def test_a_vat_that_neither_listens_nor_dials_with_tls_has_no_key(place):
    app = topology.App(place, "cpp-tcp")
    address = topology.one(place, app)
    f.Client(address).echo()
    inbound = next(p for p in place.started if p.name == "inbound")
    assert "this vat is" not in inbound.log()


def test_a_vat_that_only_dials_makes_its_key_at_the_first_secure_dial(place, small):
    small.listen()
    sidecar = place.sidecar("outbound", {
        "imports": {"there": {"uri": small.uri(), "socket": "unix:there.sock"}}})
    assert "this vat is" not in sidecar.log()
    client = raw.RawPeer(harness.connect(sidecar.socket("there.sock")), harness.DEADLINE)
    client.send(w.bootstrap(0))
    peer = small.accept()
    assert offer(peer).object_id == b"main\0"
    served(client)
    sidecar.wait_log("this vat is sha-256:")
    peer.send(w.bootstrap(7, w.Text("main")))
    answer = peer.returned(7)
    assert (answer.kind, answer.reason) == ("failed", "This vat has no restorer"), answer


def test_the_address_and_the_identity_are_known_before_the_vat_runs(place):
    derived = place.run("derive", [harness.program_path("vatmesh"), "uri", "derive", "--key",
                                   foreign.VECTORS / "keys/key1.pem", "--name", "main", "--address",
                                   "tcp:127.0.0.1:7410"]).log().strip()
    key1 = next(k for k in foreign.load("keys.json") if k["pem_file"] == "keys/key1.pem")
    derived_by_ocaml = foreign.load("derived-ids.json")["derived"][0]
    assert derived_by_ocaml["pem_file"] == "keys/key1.pem"
    main = next(i for i in derived_by_ocaml["ids"] if bytes.fromhex(i["name_hex"]) == b"main")
    fingerprint = key1["fingerprint"].replace("@", ":")
    assert derived == f"capnp://{fingerprint}@127.0.0.1:7410/{main['id_base64url']}"


def test_a_uri_of_our_own_is_restored_here_without_a_connection(place):
    vat = Vat(place, imports={"there": {"uri": "main.cap", "socket": "unix:there.sock"}})
    vat.sidecar.wait_log("import there: found")
    client = f.Client("unix:" + str(vat.sidecar.folder / "there.sock"))
    client.echo()
    assert vat.tls_links() == 0
    assert "to 127.0.0.1" not in vat.sidecar.log()


def test_a_uri_of_our_own_with_an_unknown_id_fails_as_from_a_peer(place):
    own = foreign.ForeignVat(place, "key1")
    client = Vat(place, own).client()
    answer = client.returned(0)
    assert (answer.kind, answer.reason) == ("failed", f.UNKNOWN_ID), answer


# --- one link for each fingerprint ---

def test_an_import_uses_a_link_that_came_in(place, great):
    vat = Vat(place, great)
    peer = great.dial(vat.address)
    peer.send(w.bootstrap(0, w.Text("nobody")))
    assert peer.returned(0).reason == f.UNKNOWN_ID
    client = vat.client()
    assert offer(peer).object_id == b"main\0"
    served(client)
    assert vat.tls_links() == 1


def test_two_imports_and_a_peer_share_one_link(place, great):
    great.listen()
    vat = Vat(place, great)
    first = vat.client()
    peer = great.accept()
    offer(peer)
    second = vat.client()
    offer(peer)
    served(first)
    served(second)
    peer.send(w.bootstrap(0, w.Text("nobody")))
    assert peer.returned(0).reason == f.UNKNOWN_ID
    assert vat.tls_links() == 1


def test_a_link_of_a_greater_vat_replaces_ours(place, great):
    great.listen()
    vat = Vat(place, great)
    client = vat.client()
    old = great.accept()
    offer(old)
    served(client)
    new = great.dial(vat.address)
    new.send(w.bootstrap(0, w.Text("nobody")))
    assert new.returned(0).reason == f.UNKNOWN_ID
    aborted = old.ends()
    assert (aborted.kind, aborted.reason) == ("failed", "Invalidated by newer connection"), aborted
    # The client's object is gone with the old link, and the client learns it.
    assert "Invalidated by newer connection" in client.ends().reason
    again = vat.client()
    offer(new)
    served(again)


def test_a_smaller_vat_is_refused_without_a_word_while_the_old_link_lives(place, small):
    vat = Vat(place, small)
    old = small.dial(vat.address)
    old.send(w.bootstrap(0, w.Text("nobody")))
    assert old.returned(0).reason == f.UNKNOWN_ID
    new = small.dial(vat.address)
    asked = old.expect("bootstrap")
    old.send(w.return_exception(asked.question, f.UNKNOWN_ID))
    assert new.ends() is None
    client = vat.client()
    offer(old)
    served(client)


def test_a_smaller_vat_that_comes_back_is_taken_when_its_old_link_is_dead(place, small):
    """As after a crash behind a proxy or a firewall, of which no TCP segment tells."""
    vat = Vat(place, small)
    old = small.dial(vat.address)
    old.send(w.bootstrap(0, w.Text("nobody")))
    assert old.returned(0).reason == f.UNKNOWN_ID
    new = small.dial(vat.address)
    old.expect("bootstrap")  # and never answers
    vat.sidecar.wait_log("gave no answer, and its vat is back")
    client = vat.client()
    offer(new)
    served(client)
    assert vat.tls_links() == 1


def test_links_without_tls_are_never_shared_with_an_import(place):
    vat = Vat(place, listen={"address": "tcp:127.0.0.1:0", "tls": "off"})
    first = raw.RawPeer(harness.connect(vat.address), harness.DEADLINE)
    second = raw.RawPeer(harness.connect(vat.address), harness.DEADLINE)
    for peer in (first, second):
        peer.send(w.bootstrap(0, w.Text("nobody")))
        assert peer.returned(0).reason == f.UNKNOWN_ID
    first.close()
    second.send(w.bootstrap(1, w.Text("nobody")))
    assert second.returned(1).reason == f.UNKNOWN_ID


def test_an_import_connects_anew_once_its_vat_is_back(place, great):
    great.listen()
    vat = Vat(place, great)
    client = vat.client()
    peer = great.accept()
    offer(peer)
    served(client)
    peer.close()  # killed
    assert client.ends() is not None, "a client learns that its object is gone"
    again = vat.client()
    offer(great.accept())
    served(again)


def test_two_sidecars_that_import_from_each_other_serve_both_sides(place):
    """Whether they meet on one link or their dials cross."""
    app = topology.App(place, "cpp-tcp")
    for name, other in (("a", "b"), ("b", "a")):
        place.sidecar(name, {"key": "vat.key", "listen": "tcp:127.0.0.1:0", "app": app.config,
                             "exports": {"main": {"capFile": "main.cap"}},
                             "imports": {"there": {"uri": f"../{other}/main.cap",
                                                   "socket": "unix:there.sock"}}}, ready=False)
    sidecars = [p.wait_ready() for p in place.started if p.name in "ab"]
    for _ in range(5):
        clients = [raw.RawPeer(harness.connect(s.socket("there.sock")), harness.DEADLINE)
                   for s in sidecars]
        for client in clients:
            client.send(w.bootstrap(0))
        for client in clients:
            assert client.returned(0).how == "results"


@pytest.mark.parametrize("first,second", [("key2", "key2"), ("key4", "key4")])
def test_two_processes_with_one_key_are_never_both_connected(place, first, second):
    """The smaller vat's second process is refused, the greater one's takes over."""
    vat = Vat(place)
    one, other = foreign.ForeignVat(place, first), foreign.ForeignVat(place, second)
    old = one.dial(vat.address)
    old.send(w.bootstrap(0, w.Text("nobody")))
    assert old.returned(0).reason == f.UNKNOWN_ID
    new = other.dial(vat.address)
    if first == "key2":
        asked = old.expect("bootstrap")
        old.send(w.return_exception(asked.question, f.UNKNOWN_ID))
        assert new.ends() is None
    else:
        assert old.ends().reason == "Invalidated by newer connection"
    harness.eventually(lambda: vat.tls_links() == 1, "one link is left")


# --- the options of the OCaml library ---

def options_vat(place, *options):
    return place.program("vat", [harness.program_path("vatmesh-sidecar"), *options])


def test_the_options_alone_make_a_vat_without_services(place):
    port = harness.free_port()
    vat = options_vat(place, "--capnp-secret-key=vat.key", f"--capnp-listen=tcp:127.0.0.1:{port}",
                      "--capnp-disable-tls")
    vat.wait_log("listening at")
    peer = raw.RawPeer(harness.connect(f"127.0.0.1:{port}"), harness.DEADLINE)
    peer.send(w.bootstrap(0))
    assert peer.returned(0).reason == "This vat has no restorer"
    mode = foreign.load("options.json")["created_key_file_mode_octal"]
    assert (place.path / "vat.key").stat().st_mode & 0o777 == int(mode, 8)


def test_the_options_win_over_a_file(place):
    (place.path / "sidecar.yaml").write_text(
        "key: other.key\nlisten: tcp:127.0.0.1:1\napp: tcp:127.0.0.1:1\n"
        "exports: {main: {capFile: main.cap}}\n")
    port = harness.free_port()
    vat = options_vat(place, "--config", "sidecar.yaml", "--capnp-s", foreign.VECTORS / "keys/key1.pem",
                      f"--capnp-l=tcp:127.0.0.1:{port}", "--capnp-p=tcp:vat.example.com:7")
    vat.wait_log("listening at")
    text = harness.eventually(lambda: (place.path / "main.cap").exists() and
                              (place.path / "main.cap").read_text(), "the cap file")
    key1 = next(k for k in foreign.load("keys.json") if k["pem_file"] == "keys/key1.pem")
    assert text.startswith(f"capnp://{key1['fingerprint'].replace('@', ':')}@vat.example.com:7/")
    assert not (place.path / "other.key").exists()


@pytest.mark.parametrize("words,text", [
    (["--capnp-l=tcp:127.0.0.1:1"], "--capnp-secret-key-file is missing"),
    (["--capnp-s="], "--capnp-listen-address is missing"),
    (["--capnp-s=", "--capnp-l=tcp:127.0.0.1"], "command line: .*no port"),
    (["--capnp-"], "may be any of several"),
])
def test_wrong_options_are_named(place, words, text):
    vat = place.run("vat", [harness.program_path("vatmesh-sidecar"), *words])
    assert vat.process.returncode == 64
    vat.expect = (64,)
    assert re.search(text, vat.log()), vat.log()


# --- what was recorded of that library's vats (behaviour.json) ---

BEHAVIOUR = {
    "server killed (SIGTERM) and restarted, TLS": "test_an_import_connects_anew_once_its_vat_is_back",
    "server killed (SIGKILL) and restarted, insecure":
        "test_tls.test_the_death_of_the_remote_link_closes_the_local_connections",
    "server restarted with another key": "test_tls.test_a_wrong_fingerprint_is_refused_and_both_are_named",
    "nobody listens / host unknown / socket missing / port out of range": "test_tls.test_nobody_listens",
    "crossed connections 1, A = key1, B = key2": "test_a_smaller_vat_is_refused_without_a_word_while_"
                                                 "the_old_link_lives",
    "crossed connections 2, A = key1, B = key2": "test_two_imports_and_a_peer_share_one_link",
    "crossed connections 3, A = key1, B = key2": "test_a_smaller_vat_that_comes_back_is_taken_when_its_"
                                                 "old_link_is_dead",
    "crossed connections 1, A = key2, B = key1": "test_a_link_of_a_greater_vat_replaces_ours",
    "crossed connections 2, A = key2, B = key1": "test_a_link_of_a_greater_vat_replaces_ours",
    "crossed connections 3, A = key2, B = key1": "test_a_link_of_a_greater_vat_replaces_ours",
    "A connects to B, then B to A": "test_an_import_uses_a_link_that_came_in",
    "two client processes with one key: client key2, server key1":
        "test_two_processes_with_one_key_are_never_both_connected",
    "two client processes with one key: client key1, server key2":
        "test_two_processes_with_one_key_are_never_both_connected",
    "own fingerprint": "test_a_uri_of_our_own_is_restored_here_without_a_connection",
    "TLS client at an insecure port, insecure client at a TLS port":
        "test_tls.test_plain_bytes_at_a_tls_listener_cost_their_connection",
    "listen errors": "test_sidecar.test_a_taken_address_ends_the_start_with_69",
}


def test_each_recorded_behaviour_has_its_test():
    assert set(BEHAVIOUR) == {s["name"] for s in foreign.load("behaviour.json")["sections"]}
    for test in BEHAVIOUR.values():
        module, _, name = test.rpartition(".")
        source = Path(__file__).with_name((module or "test_ocaml_vat") + ".py").read_text()
        assert f"def {name}(" in source, test
