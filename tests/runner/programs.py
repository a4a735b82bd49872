# SPDX-License-Identifier: Apache-2.0
"""Parts that are one program each: the quickstart and the benchmarks. Both want preset release."""

import os
import subprocess
import time

from . import ROOT


def run(name, command, report, env=None):
    """One test: the command ends with 0. A missing program is a skip."""
    print(f"\n== {name}", flush=True)
    if not (ROOT / command[0]).exists():
        report.skip(name, f"{command[0]} is not in this tree")
        return
    started = time.monotonic()
    code = subprocess.run([str(ROOT / command[0]), *command[1:]], cwd=ROOT,
                          env=dict(os.environ, **(env or {}))).returncode
    problems = [f"{' '.join(command)} ended with {code}"] if code else []
    report.check(f"{name} ({time.monotonic() - started:.0f} s)", problems)
