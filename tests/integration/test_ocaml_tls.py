# SPDX-License-Identifier: Apache-2.0
"""What OpenSSL met at the OCaml library's TLS, tried at ours: clients at our listener
(tls-server-probes.json), servers at our import (tls-client-probes.json), and how connections end
(tls-close-probes.json). Whoever was served there must be served here, whoever was refused must be
refused, but where DIFFERS says why not. TLS 1.2 is allowed by configuration; test_tls.py has the rest."""

import hashlib
import re
import socket
import ssl
import subprocess

import certificates
import foreign
import harness
import pytest
import raw
import rawwire as w
import recorded

pytestmark = [pytest.mark.needs("vatmesh-sidecar", "interop-server"),
              pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")]

SERVER_CASES = foreign.load("tls-server-probes.json")["cases"]
CLIENT_CASES = foreign.load("tls-client-probes.json")["cases"]
CLOSE_CASES = foreign.load("tls-close-probes.json")["cases"]
VERSIONS = {"TLSv1": ssl.TLSVersion.TLSv1, "TLSv1_1": ssl.TLSVersion.TLSv1_1,
            "TLSv1_2": ssl.TLSVersion.TLSv1_2, "TLSv1_3": ssl.TLSVersion.TLSv1_3,
            "TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}
SERVED, REFUSED = "served", "refused"

NO_DHE = (REFUSED, "BoringSSL has neither DHE nor CCM; that library's clients offer ECDHE too")
DIFFERS = {
    "TLS 1.2 cipher DHE-RSA-AES128-GCM-SHA256": NO_DHE,
    "TLS 1.2 cipher DHE-RSA-CHACHA20-POLY1305": NO_DHE,
    "TLS 1.2 cipher DHE-RSA-AES128-CCM": NO_DHE,
    "group secp521r1 only, TLS 1.3": (REFUSED, "that library's clients offer X25519 too"),
    "server certificate: extendedKeyUsage=clientAuth":
        (SERVED, "the fingerprint counts, not what else the certificate may be used for"),
}
EXTRA = {
    "CN=other": {"subject": "/CN=other"}, "expired": {"expired": True}, "SHA-1 signature": {"digest": "sha1"},
    "no extensions": {}, "extendedKeyUsage serverAuth only": {"extension": "extendedKeyUsage=serverAuth"},
    "extendedKeyUsage=clientAuth": {"extension": "extendedKeyUsage=clientAuth"},
    "keyUsage=keyEncipherment": {"extension": "keyUsage=keyEncipherment"},
    "subjectAltName=DNS:example.org": {"extension": "subjectAltName=DNS:example.org"},
}


def case_id(case):
    return case.get("name", f"{case.get('how')}, {case.get('version')}").replace(" ", "-")


class Wishes:
    """What the name of a case asks of OpenSSL's side."""

    def __init__(self, name):
        kind = re.search(r"certificate ([\w-]+)(?:, |$)", name)
        self.kind = kind.group(1) if kind and kind.group(1) in certificates.KINDS else "rsa2048"
        extra = re.search(r"certificate: (.*)$", name)
        self.extra = EXTRA[extra.group(1)] if extra else {}
        self.anonymous = name.startswith("no client certificate")
        version = re.search(r"(TLSv1(?:_\d)?|TLS 1\.[23])(?: |,|$)", name)
        self.version = VERSIONS[version.group(1)] if version else None
        cipher = re.search(r"TLS 1.2 cipher (\S+)", name)
        self.cipher = cipher.group(1) if cipher else None
        group = re.search(r"group (\S+) only", name)
        self.group = group.group(1) if group else None
        server_name = re.search(r"SNI (\S+)", name)
        self.server_name = server_name.group(1) if server_name else None
        self.alpn = ["h2", "http/1.1"] if name.startswith("ALPN") else None

    def context(self, protocol, folder):
        context = ssl.SSLContext(protocol)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        # Old versions and short keys are what some cases are about.
        context.set_ciphers((self.cipher or "ALL") + ":@SECLEVEL=0")
        context.minimum_version = self.version or ssl.TLSVersion.TLSv1
        context.maximum_version = self.version or ssl.TLSVersion.MAXIMUM_SUPPORTED
        if not self.anonymous:
            key, certificate = certificates.make(folder, self.kind, **self.extra)
            context.load_cert_chain(certificate, key)
        if self.group:
            context.set_ecdh_curve(self.group)
        if self.alpn:
            context.set_alpn_protocols(self.alpn)
        return context


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def vat():
    """A vat with an RSA key, as that library makes them, and a service `main`."""
    place = harness.Place()
    app = place.program("app", [harness.program_path("interop-server"), "127.0.0.1:0"])
    port = app.wait_log(r"port (\d+)").group(1)
    sidecar = place.sidecar("vat", {
        "key": str(foreign.VECTORS / "keys/key1.pem"), "app": f"tcp:127.0.0.1:{port}",
        "listen": {"address": "tcp:127.0.0.1:0", "minTls": "1.2"},
        "exports": {"main": {"id": {"public": "main"}, "capFile": "main.cap"}}})
    place.address = harness.uri_place(sidecar.cap("main.cap"))
    yield place
    assert sidecar.running()
    place.close()


# --- as a server ---

def knock(address, context, wishes):
    """Whether a Bootstrap is answered."""
    plain = harness.connect(address)
    try:
        peer = raw.RawPeer(context.wrap_socket(plain, server_hostname=wishes.server_name),
                           harness.DEADLINE)
        assert peer.sock.selected_alpn_protocol() is None
        peer.send(w.bootstrap(0, w.Text("main")))
        served = peer.returned(0).how == "results"
        peer.close()
        return SERVED if served else REFUSED
    except (ssl.SSLError, raw.Ended, ConnectionError):
        return REFUSED
    finally:
        plain.close()


@pytest.mark.parametrize("case", SERVER_CASES, ids=case_id)
def test_who_was_served_by_an_ocaml_server_is_served_by_us(vat, folder, case):
    expected = SERVED if case.get("after", "").startswith("got a frame") else REFUSED
    expected = DIFFERS.get(case["name"], (expected,))[0]
    wishes = Wishes(case["name"])
    if wishes.group == "X448":  # which Python can't choose
        done = subprocess.run(["openssl", "s_client", "-connect", vat.address, "-groups", "X448",
                               "-tls1_2"], input=b"", capture_output=True, timeout=harness.DEADLINE)
        assert (done.returncode != 0) == (expected == REFUSED), done.stderr
        return
    assert knock(vat.address, wishes.context(ssl.PROTOCOL_TLS_CLIENT, folder), wishes) == expected


# --- as a client ---

class Server:
    """OpenSSL as the server of one connection; it answers the Bootstrap with an exception."""

    def __init__(self, name, folder):
        self.name, self.wishes = name, Wishes(name)
        self.context = self.wishes.context(ssl.PROTOCOL_TLS_SERVER, folder)
        self.context.sni_callback = lambda _, server_name, __: self.names.append(server_name)
        self.context.set_alpn_protocols(["h2"])
        self.names = []
        key, certificate = certificates.make(folder, self.wishes.kind, **self.wishes.extra)
        public = subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"],
                                check=True, capture_output=True).stdout
        self.digest = hashlib.sha256(public).digest()
        if name == "TLS 1.3 without session tickets":
            self.context.num_tickets = 0
        self.sock = harness.close_later(socket.create_server(("127.0.0.1", 0)))
        self.sock.settimeout(harness.DEADLINE)

    def uri(self):
        port = self.sock.getsockname()[1]
        host = "localhost" if "localhost" in self.name else "127.0.0.1"
        if self.name.startswith("insecure URI"):
            return f"capnp://insecure@{host}:{port}/bWFpbg"
        digest = {"fingerprint wrong": bytes(32), "fingerprint too short (3 bytes)": bytes(3)}.get(
            self.name, self.digest)
        return f"capnp://sha-256:{foreign.base64url(digest)}@{host}:{port}/bWFpbg"

    def serve(self):
        """Whether the client asked for `main`."""
        plain, _ = self.sock.accept()
        plain.settimeout(harness.DEADLINE)
        if "at once" in self.name:
            plain.close()
            return REFUSED
        try:
            peer = raw.RawPeer(harness.close_later(self.context.wrap_socket(plain, server_side=True)),
                               harness.DEADLINE)
            asked = peer.expect("bootstrap")
        except (ssl.SSLError, raw.Ended, ConnectionError):
            plain.close()
            return REFUSED
        assert asked.object_id == b"main\0", asked
        assert set(self.names) <= {None}, "the client names its server"
        assert peer.sock.selected_alpn_protocol() is None
        peer.send(w.return_exception(asked.question, "hello from the probe"))
        self.peer = peer
        return SERVED


@pytest.mark.parametrize("case", CLIENT_CASES, ids=case_id)
def test_whom_an_ocaml_client_took_we_take(place, folder, case):
    expected = SERVED if case.get("server_handshake") == "ok" else REFUSED
    expected = DIFFERS.get(case["name"], (expected,))[0]
    server = Server(case["name"], folder)
    # A file, since a configuration is held to more than a peer is.
    (place.path / "there.cap").write_text(server.uri() + "\n")
    sidecar = place.sidecar("vat", {"imports": {"there": {
        "uri": f"{place.path}/there.cap", "socket": "unix:there.sock", "minTls": "1.2"}}})
    client = raw.RawPeer(harness.connect(sidecar.socket("there.sock")), harness.DEADLINE)
    client.send(w.bootstrap(0))
    assert server.serve() == expected
    answer = client.returned(0)
    assert answer.how == "exception"
    assert (answer.reason == "hello from the probe") == (expected == SERVED), answer
    if "version" in case:
        assert server.peer.sock.version() == case["version"]
        assert case["first_message"]["bootstrap"]["deprecatedObjectId"] == {"text": "main"}


# --- how connections end ---

class HalfClosing:
    """A TLS client that reads on after it has ended its own half."""

    def __init__(self, address, vat):
        self.sock = harness.connect(address)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = vat.wrap_bio(self.incoming, self.outgoing)
        self.eof = False

    def run(self, step, *more):
        """`step` of the TLS object, with the network under it; None at the end of the stream."""
        while True:
            try:
                result = step(*more)
                self.drain()
                return result
            except ssl.SSLWantReadError:
                self.drain()
                if not self.feed():
                    return None

    def drain(self):
        if self.outgoing.pending:
            self.sock.sendall(self.outgoing.read())

    def feed(self):
        data = self.sock.recv(65536)
        self.eof = self.eof or not data
        self.incoming.write(data) if data else self.incoming.write_eof()
        return bool(data)

    def close_notify(self):
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.drain()

    def rest(self):
        """What comes up to the end: bytes, and how it ends."""
        data = b""
        while True:
            try:
                part = self.run(self.tls.read, 65536)
            except ssl.SSLZeroReturnError:
                return data, "close_notify"
            except ssl.SSLEOFError:
                return data, "eof"
            if not part:
                # Python reads an end by close_notify as no bytes.
                return data, "eof" if self.eof else "close_notify"
            data += part

    def frame(self):
        """One frame of 8-byte words, of one segment."""
        data = b""
        while len(data) < 8 or len(data) < 8 + 8 * int.from_bytes(data[4:8], "little"):
            data += self.run(self.tls.read, 65536)
        return data


@pytest.mark.parametrize("case", CLOSE_CASES, ids=case_id)
def test_connections_end_as_with_an_ocaml_server(place, vat, case):
    peer = foreign.ForeignVat(place, "key2")
    version = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}[case["version"]]
    tls = HalfClosing(vat.address, peer.context(ssl.PROTOCOL_TLS_CLIENT, version))
    tls.run(tls.tls.do_handshake)
    tls.run(tls.tls.write, w.bootstrap(0, w.Text("main")))

    assert recorded.decoded(tls.frame())[0].how == "results"
    end(tls, case["how"])
    data, how = tls.rest()
    aborts = [(m.kind, m.reason) for m in recorded.decoded(data) if m.tag == "abort"]
    theirs = [(e["abort"]["type"], e["abort"]["reason"]) for e in case["events"]
              if isinstance(e, dict) and "abort" in e]
    assert how == "close_notify" and "close_notify received" in case["events"]
    if case["how"] == "badfinish":
        # That library aborts; we tolerate it, and hear of the end that `end` put behind it.
        theirs = theirs[1:]
    assert aborts == theirs
    assert tls.feed() is False, "the connection stays open behind its end"


def end(tls, how):
    if how == "abort":
        tls.run(tls.tls.write, w.abort("going"))
    elif how == "badfinish":
        tls.run(tls.tls.write, w.finish(77))
        tls.close_notify()
    elif how == "fin":
        tls.sock.shutdown(socket.SHUT_WR)
    else:
        tls.close_notify()


def test_every_difference_is_one_of_a_case():
    assert set(DIFFERS) <= {case["name"] for case in SERVER_CASES + CLIENT_CASES}
