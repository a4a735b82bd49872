# SPDX-License-Identifier: Apache-2.0
"""TLS handshakes: how many a server makes in a second of its own CPU time, by the kind of the keys,
for haproxy and the sidecar. TLS 1.3, a certificate on both sides, no resumption. The client is
Python's ssl; what it costs itself does not count, so it shares the core."""

import contextlib
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import time
from pathlib import Path

KINDS = {
    "ed25519": ("Ed25519", ["-newkey", "ed25519"]),
    "p256": ("P-256", ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    "rsa2048": ("RSA-2048", ["-newkey", "rsa:2048"]),
}
# The connection ends where the handshake does: what is behind the server is not measured.
HAPROXY = """global
  nbthread 1
  maxconn 100
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen inbound
  bind 127.0.0.1:{port} ssl crt server.pem verify required ca-file client.crt ssl-min-ver TLSv1.3 no-tls-tickets
  tcp-request content reject
"""


class Server:
    """One that accepts handshakes with keys of `kind`, in a folder of its own."""

    def __init__(self, stage, name, kind, free_port):
        self.name, self.kind, self.stage = name, kind, stage
        self.folder = stage.folder / f"handshake-{name}-{kind}"
        self.folder.mkdir()
        self.port = free_port()
        for who in ("server", "client"):
            self._key(who)
        self.process = getattr(self, f"_{name}")()
        stage.wait(f"handshake-{name}-{kind}", self.process, self._accepts)

    def _key(self, who):
        key, cert = self.folder / f"{who}.key", self.folder / f"{who}.crt"
        subprocess.run(["openssl", "req", "-x509", *KINDS[self.kind][1], "-nodes", "-keyout", key, "-out",
                        cert, "-subj", "/CN=capnp", "-days", "3650"], check=True, capture_output=True)
        (self.folder / f"{who}.pem").write_text(cert.read_text() + key.read_text())
        os.chmod(key, 0o600)

    def _haproxy(self):
        (self.folder / "haproxy.cfg").write_text(HAPROXY.format(port=self.port))
        return self.stage.start(f"handshake-haproxy-{self.kind}", "haproxy", "-C", self.folder, "-f",
                                "haproxy.cfg", "-db")

    def _sidecar(self):
        (self.folder / "sidecar.yaml").write_text(
            f"key: server.key\nlisten: tcp:127.0.0.1:{self.port}\n"
            f"app: unix:{self.stage.folder}/app.sock\n"
            "exports:\n  probe: {id: {public: \"\"}}\nlog: {level: error}\n")
        return self.stage.start(f"handshake-sidecar-{self.kind}",
                                self.stage.programs / "vatmesh-sidecar", "--config",
                                self.folder / "sidecar.yaml")

    def _accepts(self):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False

    def context(self):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
        c.minimum_version = ssl.TLSVersion.TLSv1_3
        c.load_cert_chain(self.folder / "client.crt", self.folder / "client.key")
        return c

    def cpu_ns(self):
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(t.read_text().split()[0]) for t in tasks)


def handshake(context, port):
    """One, to the end: the server closes only when it has seen our part of the handshake."""
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port), 20)) as s:
        with contextlib.suppress(OSError):
            s.unwrap()  # the server may be quicker with its own close


def measure(server, seconds):
    """Handshakes in a second of the server's CPU time."""
    context = server.context()
    handshake(context, server.port)
    begin, end, count = server.cpu_ns(), time.monotonic() + seconds, 0
    while time.monotonic() < end:
        handshake(context, server.port)
        count += 1
    return count / ((server.cpu_ns() - begin) / 1e9)


def run(stage, kinds, names, rounds, seconds, rng, free_port):
    """Medians: kind -> server's name -> handshakes in a second of CPU time."""
    servers = [Server(stage, name, kind, free_port) for kind in kinds for name in names]
    runs = {(s.kind, s.name): [] for s in servers}
    for _ in range(rounds):
        rng.shuffle(servers)
        for server in servers:
            runs[server.kind, server.name].append(measure(server, seconds))
    return {kind: {name: {"runs": runs[kind, name], "median": statistics.median(runs[kind, name])}
                   for name in names} for kind in kinds}


def table(results, names):
    """Lines of text: a row for each kind of keys."""
    both = {"haproxy", "sidecar"} <= set(names)
    head = f"{'handshakes per CPU second':<26}| " + "".join(f"{n:>8} " for n in names)
    yield head + (f"{'ratio':>6}" if both else "")
    yield "-" * (len(head) + 6)
    for kind, by_name in results.items():
        medians = {name: by_name[name]["median"] for name in names}
        line = f"{KINDS[kind][0]:<26}| " + "".join(f"{m:>8,.0f} " for m in medians.values())
        yield line + (f"{medians['sidecar'] / medians['haproxy']:>6.2f}" if both else "")
    if both:
        yield "ratio: sidecar to haproxy, more is better"


def available(names):
    return [n for n in names if n != "direct" and (n != "haproxy" or shutil.which("haproxy"))]
