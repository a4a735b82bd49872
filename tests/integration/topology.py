# SPDX-License-Identifier: Apache-2.0
"""The arrangements in which real peers are tried: which application, reached by which way.

`App` starts an application of tests/peers and says how a sidecar is told of it; `direct`, `one` and
`two` put nothing, one sidecar (as a remote peer without TLS, with a public empty id, which is what a
stock client asks for) or two sidecars with TLS between a client and it. Each gives the address for
the client.
"""

import re
import socket
import sys

import harness

# What pycapnp can't do as a server (see probe_server.py). Such scenarios are left out by name.
NOT_IN_PYTHON_SERVER = ["exceptions", "pipelineOnFailure", "bounceTheirs", "promiseToTheirs",
                        "promiseToOurs", "promiseUnused", "promiseAsParameter", "ourPromiseBroken"]
APPS = ["cpp-tcp", "cpp-unix", "cpp-abstract", "cpp-run", "cpp-fd", "py-tcp", "py-run"]


class App:
    """An application of `kind`, LANGUAGE-TRANSPORT. `address` is None if only a sidecar reaches it."""

    def __init__(self, place, kind, name="app", listen=None):
        self.language, how = kind.split("-")
        self.address = self.process = None
        self.fds = ()
        if self.language == "cpp":
            argv = [harness.program_path("probe-server")]
        else:
            argv = [sys.executable, harness.PEERS / "probe_server.py"]
        if how == "run":
            self.config = {"run": [str(a) for a in argv]}
        elif how == "fd":
            ours, theirs = socket.socketpair()
            self.process = place.program(name, argv, env={"VATMESH_FD": str(theirs.fileno())},
                                         fds=(theirs.fileno(),))
            theirs.close()
            self.kept = ours  # until the sidecar has it
            self.fds = (ours.fileno(),)
            self.config = {"fd": ours.fileno()}
        else:
            listen = listen or {"tcp": "127.0.0.1:0", "unix": f"unix:{place.path}/{name}.sock",
                                "abstract": f"unix-abstract:{place.path.name}-{name}"}[how]
            self.start(place, argv, name, listen)

    def start(self, place, argv, name, listen):
        self.process = place.program(name, argv + [listen])
        port = self.process.wait_log(r"listening on .* port (\d+)").group(1)
        if listen.startswith("unix"):
            self.address = self.config = listen
        else:
            self.address = re.sub(r":0$", f":{port}", listen)
            self.config = "tcp:" + self.address

    def handed_over(self):
        """Closes our copy of a descriptor that a sidecar has inherited."""
        if self.fds:
            self.kept.close()


def direct(place, app):
    return app.address


def one(place, app, listen="tcp:127.0.0.1:0", **more):
    """The address of one sidecar in front of `app`, for stock clients as remote peers."""
    sidecar = place.sidecar("inbound", {
        "listen": {"address": listen, "tls": "off"},
        "app": app.config,
        "exports": {"probe": {"id": {"public": ""}, "capFile": "probe.cap"}},
        **more}, fds=app.fds)
    app.handed_over()
    return harness.uri_place(sidecar.cap("probe.cap"))


def two(place, app, listen="tcp:127.0.0.1:0", socket="unix:probe.sock", **more):
    """The import socket of a sidecar that reaches `app` through another one over TLS."""
    inbound = place.sidecar("inbound", {
        "key": "vat.key",
        "listen": listen,
        "app": app.config,
        "exports": {"probe": {"capFile": "probe.cap"}},
        **more}, fds=app.fds)
    app.handed_over()
    inbound.cap("probe.cap")
    outbound = place.sidecar("outbound", {
        "imports": {"probe": {"uri": "../inbound/probe.cap", "socket": socket}}})
    if socket.startswith("unix:"):
        return outbound.socket(socket[len("unix:"):])
    return socket.removeprefix("tcp:")


WAYS = {"direct": direct, "one": one, "two": two}


def client(place, language, address, *names, app="cpp", second=None, count=2000, deadline=None,
           without=()):
    """Runs scenarios of the client in `language` at `address` and requires that all are well."""
    deadline = deadline or harness.DEADLINE
    argv = [harness.program_path("probe-client")] if language == "cpp" else \
        [sys.executable, harness.PEERS / "probe_client.py"]
    argv += [address, "--count", count, "--deadline", f"{deadline:g}"]
    for name in [*without, *(NOT_IN_PYTHON_SERVER if app == "py" else ())]:
        argv += ["--without", name]
    if second:
        argv += ["--second", second]
    p = place.run(f"client-{language}-{len(place.started)}", [*argv, *names], timeout=40 * deadline)
    lines = p.log().splitlines()
    failed = [line for line in lines if line.startswith("FAILED")]
    assert p.process.returncode == 0 and not failed, f"{p.process.returncode}\n{p.log()[-4000:]}"
    ok = [line.split()[1] for line in lines if line.startswith("ok ")]
    assert ok, "the client did nothing"
    return ok
