# SPDX-License-Identifier: Apache-2.0
"""Who is let in, and what is said to those who are not. The other side is OpenSSL here, by its
command line and by Python, so nothing of our own TLS is taken for granted."""

import base64
import hashlib
import socket
import ssl
import subprocess

import front as f
import harness
import pytest
import raw
import rawwire as w
import topology

pytestmark = pytest.mark.needs("vatmesh-sidecar", "probe-server", "probe-client")

KEYS = {
    "ed25519": ["-newkey", "ed25519"],
    "p256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "p521": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"],
    "rsa": ["-newkey", "rsa:2048"],
}


def certificate(place, kind="ed25519"):
    """Paths of a key and a self-made certificate for it."""
    key, cert = place.path / f"{kind}.key", place.path / f"{kind}.crt"
    subprocess.run(["openssl", "req", "-x509", *KEYS[kind], "-nodes", "-keyout", key, "-out", cert,
                    "-subj", "/CN=capnp", "-days", "3650"], check=True, capture_output=True)
    return key, cert


def fingerprint(der_certificate):
    """`sha-256:...` of a certificate's public key, as URIs have it."""
    pem = ssl.DER_cert_to_PEM_cert(der_certificate)
    public = subprocess.run(["openssl", "x509", "-pubkey", "-noout"], input=pem.encode(), check=True,
                            capture_output=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=public, check=True,
                         capture_output=True).stdout
    return "sha-256:" + base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()


def context(identity=None, version=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    if version:
        c.minimum_version = c.maximum_version = version
    if identity:
        c.load_cert_chain(identity[1], identity[0])
    return c


class Vat:
    """A sidecar with TLS in front of a stock application."""

    def __init__(self, place, listen="tcp:127.0.0.1:0", **more):
        self.place = place
        self.app = topology.App(place, "cpp-tcp")
        self.sidecar = place.sidecar("inbound", {
            "key": "vat.key", "listen": listen, "app": self.app.config,
            "exports": {"probe": {"capFile": "probe.cap"}, "stock": {"id": {"public": ""}}}, **more})
        self.uri = self.sidecar.cap("probe.cap")
        self.address = harness.uri_place(self.uri)

    def connect(self, identity=None, version=None):
        """A TLS connection, as a raw peer."""
        plain = harness.connect(self.address)
        try:
            return raw.RawPeer(context(identity, version).wrap_socket(plain), harness.DEADLINE)
        except BaseException:
            plain.close()
            raise

    def check(self, identity):
        peer = self.connect(identity)
        peer.bootstrap()
        peer.close()
        assert self.sidecar.running()


@pytest.fixture
def vat(place):
    return Vat(place)


@pytest.mark.parametrize("kind", KEYS)
def test_a_peer_with_any_kind_of_key_is_served(vat, place, kind):
    peer = vat.connect(certificate(place, kind))
    assert peer.sock.version() == "TLSv1.3"
    probe = peer.bootstrap()
    answer = peer.call(probe, f.PROBE, 0, w.Struct([5], [w.Text("tls")]))
    assert answer.content.bits(0, 64) == 5


def test_the_uri_names_the_key_that_is_shown(vat, place):
    peer = vat.connect(certificate(place))
    shown = fingerprint(peer.sock.getpeercert(binary_form=True))
    assert f"//{shown}@" in vat.uri


def test_a_peer_without_a_certificate_gets_no_service(vat, place):
    with pytest.raises((ssl.SSLError, raw.Ended, ConnectionError)):
        peer = vat.connect()
        peer.send(w.bootstrap(0))
        peer.receive()
    vat.check(certificate(place))


def test_tls_1_2_is_refused_unless_allowed(vat, place):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        vat.connect(certificate(place), ssl.TLSVersion.TLSv1_2)
    vat.check(certificate(place))


@pytest.mark.parametrize("kind", ["p256", "rsa", "ed25519"])
def test_tls_1_2_is_served_where_allowed(place, kind):
    vat = Vat(place, {"address": "tcp:127.0.0.1:0", "minTls": "1.2"})
    peer = vat.connect(certificate(place, kind), ssl.TLSVersion.TLSv1_2)
    assert peer.sock.version() == "TLSv1.2"
    peer.bootstrap()
    with pytest.raises((ssl.SSLError, raw.Ended, ConnectionError)):
        peer = vat.connect(None, ssl.TLSVersion.TLSv1_2)
        peer.send(w.bootstrap(0))
        peer.receive()


def test_no_ticket_is_given(vat, place):
    """A resumed session would not be asked for its certificate."""
    peer = vat.connect(certificate(place))
    peer.bootstrap()
    assert not peer.sock.session or not peer.sock.session.has_ticket


def test_an_unknown_id_is_an_exception_over_tls(vat, place):
    peer = vat.connect(certificate(place))
    peer.send(w.bootstrap(0, w.Text("guess")))
    answer = peer.returned(0)
    assert (answer.how, answer.kind, answer.reason) == ("exception", "failed", f.UNKNOWN_ID), answer
    peer.send(w.finish(0))
    peer.questions = 1
    peer.bootstrap()


def test_plain_bytes_at_a_tls_listener_cost_their_connection(vat, place):
    for junk in (w.bootstrap(0), b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + bytes(400), b"x"):
        plain = raw.RawPeer(harness.connect(vat.address), harness.DEADLINE)
        plain.send(junk)
        plain.sock.shutdown(socket.SHUT_WR)
        data = b""
        try:
            while part := plain.sock.recv(4096):
                data += part
        except ConnectionError:
            pass
        assert len(data) < 100, "more than an alert came"
    vat.sidecar.wait_log("no TLS")
    vat.check(certificate(place))


def test_a_handshake_that_never_goes_on_is_ended(place):
    vat = Vat(place, timeouts={"handshake": "300ms"})
    silent = raw.RawPeer(harness.connect(vat.address), harness.DEADLINE)
    half = raw.RawPeer(harness.connect(vat.address), harness.DEADLINE)
    half.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    for peer in (silent, half):
        with pytest.raises(raw.Ended):
            while True:
                peer._exactly(1)
    vat.check(certificate(place))


def test_the_command_line_of_openssl_agrees(vat, place):
    key, cert = certificate(place)
    host, port = vat.address.rsplit(":", 1)
    out = subprocess.run(["openssl", "s_client", "-connect", f"{host}:{port}", "-cert", cert, "-key", key,
                          "-tls1_3"], input=b"", capture_output=True, timeout=harness.DEADLINE).stdout
    assert b"CN = capnp" in out and b"TLSv1.3" in out, out.decode()


# --- our side dials ---

class TlsServer:
    """An OpenSSL server with a key of its own; `accept` gives a RawPeer."""

    def __init__(self, place, kind="ed25519", version=None):
        self.identity = certificate(place, kind)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.identity[1], self.identity[0])
        if version:
            self.context.minimum_version = self.context.maximum_version = version
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.sock.settimeout(harness.DEADLINE)
        der = ssl.PEM_cert_to_DER_cert(self.identity[1].read_text())
        self.fingerprint = fingerprint(der)

    def uri(self, who=None):
        port = self.sock.getsockname()[1]
        return f"capnp://{who or self.fingerprint}@127.0.0.1:{port}/bWFpbg"

    def accept(self):
        s, _ = self.sock.accept()
        s.settimeout(harness.DEADLINE)
        return raw.RawPeer(self.context.wrap_socket(s, server_side=True), harness.DEADLINE)


def outbound(place, uri, **more):
    """A sidecar with an import of `uri`, and a client at its socket."""
    sidecar = place.sidecar("outbound", {
        "imports": {"probe": {"uri": uri, "socket": "unix:probe.sock"}}, **more})
    client = raw.RawPeer(harness.connect(sidecar.socket("probe.sock")), harness.DEADLINE)
    return sidecar, client


@pytest.mark.parametrize("kind", KEYS)
def test_any_kind_of_key_is_accepted_by_its_fingerprint(place, kind):
    server = TlsServer(place, kind)
    _, client = outbound(place, server.uri())
    client.send(w.bootstrap(0))
    peer = server.accept()
    asked = peer.expect("bootstrap")
    assert asked.object_id == b"main\0", asked
    peer.send(w.results(asked.question, w.Cap(0), [("senderHosted", 0)]))
    assert client.returned(0).how == "results"


def test_a_wrong_fingerprint_is_refused_and_both_are_named(place):
    server = TlsServer(place)
    other = "sha-256:" + "A" * 43
    sidecar, client = outbound(place, server.uri(other))
    client.send(w.bootstrap(0), w.call(1, (0, []), f.PROBE, 0))
    with pytest.raises((ssl.SSLError, raw.Ended, ConnectionError)):
        server.accept().receive()
    for question in (0, 1):
        answer = client.returned(question)
        assert answer.how == "exception", answer
        assert server.fingerprint[:14] in answer.reason and other[:14] in answer.reason, answer.reason
    assert client.ends() is None or client.aborted, "after a failed dial the local connection is closed"
    assert sidecar.running()
    assert "bWFpbg" not in sidecar.log(), "the id stands in the log"


def test_a_wrong_fingerprint_between_two_sidecars(place):
    vat = Vat(place)
    bad = vat.uri.replace(vat.uri.split("sha-256:")[1][:43], "B" * 42 + "A")
    _, client = outbound(place, bad)
    client.send(w.bootstrap(0))
    assert client.returned(0).how == "exception"
    vat.check(certificate(place))


def test_tls_1_2_servers_are_refused_unless_allowed(place):
    server = TlsServer(place, version=ssl.TLSVersion.TLSv1_2)
    _, client = outbound(place, server.uri())
    client.send(w.bootstrap(0))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        server.accept()
    assert client.returned(0).how == "exception"


def test_nobody_listens(place):
    port = harness.free_port()
    sidecar, client = outbound(place, f"capnp://sha-256:{'A' * 43}@127.0.0.1:{port}/bWFpbg")
    client.send(w.bootstrap(0), w.call(1, (0, []), f.PROBE, 0))
    for question in (0, 1):
        answer = client.returned(question)
        assert (answer.how, answer.kind) == ("exception", "disconnected"), answer
        assert f"127.0.0.1:{port}" in answer.reason, answer
    client.ends()
    assert sidecar.running()


def test_a_server_that_never_shakes_hands_is_given_up(place):
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    _, client = outbound(place, f"capnp://sha-256:{'A' * 43}@127.0.0.1:{port}/bWFpbg",
                         timeouts={"handshake": "300ms"})
    client.send(w.bootstrap(0))
    assert client.returned(0).how == "exception"
    client.ends()


def test_a_stock_server_without_tls_is_not_mistaken_for_a_vat(place):
    app = topology.App(place, "cpp-tcp")
    host, port = app.address.rsplit(":", 1)
    _, client = outbound(place, f"capnp://sha-256:{'A' * 43}@{host}:{port}/bWFpbg",
                         timeouts={"handshake": "2s"})
    client.send(w.bootstrap(0))
    assert client.returned(0).how == "exception"


def test_a_bootstrap_with_an_id_at_an_import_socket_is_refused(place):
    app = topology.App(place, "cpp-tcp")
    address = topology.two(place, app)
    peer = raw.RawPeer(harness.connect(address), harness.DEADLINE)
    peer.send(w.bootstrap(0, w.Text("other")))
    answer = peer.returned(0)
    assert answer.how == "exception", answer
    peer.send(w.finish(0))
    peer.questions = 1
    peer.bootstrap()


def test_the_death_of_the_remote_link_closes_the_local_connections(place):
    """A stock client sees what it would see without us."""
    app = topology.App(place, "cpp-tcp")
    client = f.Client(topology.two(place, app))
    idle = raw.RawPeer(harness.connect(f"unix:{place.path}/outbound/probe.sock"), harness.DEADLINE)
    idle.bootstrap()
    question = client.start("wait")
    client.ask("stats")
    inbound = next(p for p in place.started if p.name == "inbound")
    inbound.kill()
    answer = client.returned(question)
    assert (answer.how, answer.kind) == ("exception", "disconnected"), answer
    for c in (client, idle):
        c.ends()
