# SPDX-License-Identifier: Apache-2.0
"""Parts that are one program each: the quickstart and the benchmarks. Both want preset release."""

import os
import socket
import subprocess
import time

from . import ROOT


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


def bench(report, quick):
    """The comparison with other proxies: it measures and judges nothing, but it has to work."""
    _run("bench", ["tests/bench/run", *(["--quick"] if quick else [])], report)
