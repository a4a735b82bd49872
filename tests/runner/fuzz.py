# SPDX-License-Identifier: Apache-2.0
"""Runs the shadow-graph fuzzer for a fixed time, always over the same runs from the first seed on."""

import subprocess
import time

from . import ROOT

SECONDS = 60


def run(folder, report, seconds=SECONDS):
    print(f"\n== fuzz: {seconds} s", flush=True)
    started = time.monotonic()
    code = subprocess.run([str(folder / "bin" / "vatmesh-fuzz"), "--seconds", str(seconds)],
                          cwd=ROOT).returncode
    # A failing run has printed itself: as a test, and with all its messages.
    report.check(f"fuzz ({time.monotonic() - started:.0f} s)",
                 [f"vatmesh-fuzz ended with {code}"] if code else [])
