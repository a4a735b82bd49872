# SPDX-License-Identifier: Apache-2.0
"""Vats of the OCaml library, played by hand: its keys and certificates (tests/vectors), OpenSSL's TLS
by way of Python, and raw messages."""

import base64
import json
import socket
import ssl
from pathlib import Path

import harness
import raw

VECTORS = Path(__file__).parents[1] / "vectors" / "ocaml-capnp-rpc"


def load(name):
    return json.loads((VECTORS / name).read_text())


class ForeignVat:
    """The vat of `key1` to `key4`. By fingerprint: key2 < key3 < key1 < key4."""

    def __init__(self, place, name):
        entry = next(k for k in load("keys.json") if k["pem_file"] == f"keys/{name}.pem")
        self.key = VECTORS / entry["pem_file"]
        self.fingerprint = entry["fingerprint"].replace("sha-256@", "sha-256:")
        self.certificate = place.path / f"{name}.crt"
        self.certificate.write_text(ssl.DER_cert_to_PEM_cert(
            (VECTORS / entry["cert_der_file"]).read_bytes()))
        self.listener = None

    def context(self, protocol, version):
        context = ssl.SSLContext(protocol)
        context.check_hostname = False
        # Any certificate: whose it is, the tests look at themselves.
        context.verify_mode = ssl.CERT_NONE
        context.load_cert_chain(self.certificate, self.key)
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def dial(self, address, version=None):
        """A connection to the vat at `address`, as a RawPeer."""
        context = self.context(ssl.PROTOCOL_TLS_CLIENT, version)
        return raw.RawPeer(harness.close_later(context.wrap_socket(harness.connect(address))),
                           harness.DEADLINE)

    def listen(self):
        self.listener = harness.close_later(socket.create_server(("127.0.0.1", 0)))
        self.listener.settimeout(harness.DEADLINE)

    def uri(self, object_id="bWFpbg"):
        """Where it listens; without a listener, where nobody is."""
        port = self.listener.getsockname()[1] if self.listener else harness.free_port()
        return f"capnp://{self.fingerprint}@127.0.0.1:{port}/{object_id}"

    def accept(self, version=None):
        s, _ = self.listener.accept()
        s.settimeout(harness.DEADLINE)
        context = self.context(ssl.PROTOCOL_TLS_SERVER, version)
        return raw.RawPeer(harness.close_later(context.wrap_socket(s, server_side=True)),
                           harness.DEADLINE)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
