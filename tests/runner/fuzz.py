# SPDX-License-Identifier: Apache-2.0
"""Runs the shadow-graph fuzzer for a fixed time, always over the same runs from the first seed on."""

import subprocess
import time

from . import ROOT

SECONDS = 60


def planted(report):
    """Each fault that is planted in the engine is found within a minute: one test for each."""
    print("\n== faults planted for the fuzzer", flush=True)
    done = subprocess.run([str(ROOT / "tests/fuzz/planted")], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE)
    print(done.stdout, end="", flush=True)
    for line in done.stdout.splitlines():
        verdict, _, rest = line.partition(" ")
        fault = rest.strip().partition(":")[0]
        if verdict == "found":
            report.ok(name=f"planted {fault}")
        elif verdict == "MISSED":
            report.fail(f"planted {fault}", "the fuzzer did not find it")
    if done.returncode not in (0, 1):
        report.fail("planted faults", f"tests/fuzz/planted ended with {done.returncode}")


def run(folder, report, seconds=SECONDS):
    print(f"\n== fuzz: {seconds} s", flush=True)
    started = time.monotonic()
    code = subprocess.run([str(folder / "bin" / "vatmesh-fuzz"), "--seconds", str(seconds)],
                          cwd=ROOT).returncode
    # A failing run has printed itself: as a test, and with all its messages.
    report.check(f"fuzz ({time.monotonic() - started:.0f} s)",
                 [f"vatmesh-fuzz ended with {code}"] if code else [])
