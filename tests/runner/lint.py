# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy-19 over our own sources, several at a time; each source is one test."""

import concurrent.futures
import os
import shutil
import subprocess

from checks import tracked

from . import ROOT

PROGRAM = "clang-tidy-19"


def tidy(folder, source):
    """The findings in one source, one line each."""
    done = subprocess.run([PROGRAM, "--quiet", "-p", str(folder), str(source)], cwd=ROOT, text=True,
                          errors="replace", capture_output=True)
    lines = [line for line in done.stdout.splitlines() if ": error: " in line or ": warning: " in line]
    return lines or ([f"{PROGRAM} ended with {done.returncode}"] if done.returncode else [])


def run(folder, report):
    print("\n== lint", flush=True)
    if not shutil.which(PROGRAM):
        report.skip("lint", f"{PROGRAM} is not there; deploy/setup --lint installs it")
        return
    ours = [f for f in tracked(ROOT, "*.cc") if f.parts[0] in ("rpc", "persistence", "sidecar")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for source, problems in zip(ours, pool.map(lambda s: tidy(folder, s), ours)):
            report.check(f"lint/{source}", problems)
