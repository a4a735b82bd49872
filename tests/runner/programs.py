# SPDX-License-Identifier: Apache-2.0
"""Parts of preset release: the quickstart and the benchmarks, which are one program each, and the
tests of TLS with the BoringSSL that releases have."""

import os
import socket
import subprocess
import sys
import time

from . import ROOT, integration, unit
from .build import build


def boringssl(report):
    """Which BoringSSL the release parts are built with: a current one from source, or, with a skip
    that says why it can't be had, the system's. VATMESH_BORINGSSL decides if it is set."""
    if "VATMESH_BORINGSSL" in os.environ:
        return os.environ["VATMESH_BORINGSSL"]
    print("\n== BoringSSL from source", flush=True)
    done = subprocess.run([ROOT / "deploy/setup", "--quiet", "--boringssl=source"], cwd=ROOT, text=True,
                          errors="replace", stdout=sys.stdout, stderr=subprocess.PIPE)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"deploy/setup ended with {done.returncode}"]
        report.skip("release with a current BoringSSL", lines[-1])
    os.environ["VATMESH_BORINGSSL"] = "system" if done.returncode else "source"
    return os.environ["VATMESH_BORINGSSL"]


def _run(name, command, report, env=None, must_say=""):
    """One test: the command ends with 0, and its output has a text."""
    print(f"\n== {name}", flush=True)
    started = time.monotonic()
    process = subprocess.Popen([str(ROOT / command[0]), *command[1:]], cwd=ROOT, text=True,
                               env=dict(os.environ, **(env or {})), errors="replace",
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = False
    for line in process.stdout:
        print(line, end="", flush=True)
        said = said or must_say in line
    code = process.wait()
    problems = [f"{' '.join(command)} ended with {code}"] if code else []
    if not said:
        problems.append(f"{' '.join(command)} did not say: {must_say}")
    report.check(f"{name} ({time.monotonic() - started:.0f} s)", problems)


def quickstart(report):
    """As a user runs it; and again at once, with a port taken that it wants."""
    _run("quickstart", ["deploy/quickstart"], report, must_say="It works")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        _run("quickstart again, with a port taken", ["deploy/quickstart", "--no-build"], report,
             env={"VATMESH_QUICKSTART_PORT": str(taken.getsockname()[1])},
             must_say="a port was taken")


def tls(report):
    """The tests that meet BoringSSL, with a current one: the other parts had the system's."""
    if boringssl(report) != "source":
        report.skip("tls", "there is no current BoringSSL to try")
        return
    # g++ 12 warns of ghosts when it optimises, and the quickstart has built without errors for them.
    folder = build("release", report,
                   options=["-DVATMESH_BORINGSSL=source", "-DVATMESH_WERROR=OFF"],
                   targets=["vatmesh-sidecar", "vatmesh", "probe-server", "probe-client",
                            "tests/sidecar/tls/all", "tests/rpc/crypto/all"])
    if folder:
        unit.run(folder, report, only=("sidecar_tls_", "rpc_crypto_"))
        integration.run(folder, report, files=["test_tls.py", "test_key_exchange.py",
                                               "test_no_openssl.py"])


def bench(report, quick):
    """The comparison with other proxies: it measures and judges nothing, but it has to work."""
    _run("bench", ["tests/bench/run", *(["--quick"] if quick else [])], report)
