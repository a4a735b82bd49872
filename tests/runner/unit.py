# SPDX-License-Identifier: Apache-2.0
"""Runs the GoogleTest programs that ctest knows, several at a time, and counts each test in them."""

import concurrent.futures
import json
import os
import re
import signal
import subprocess
import time

from . import ROOT

TIMEOUT_SECONDS = 600
LINE = re.compile(r"^\[ +(RUN|OK|FAILED|SKIPPED) +\] ([\w./]+)(?: \(|,|$)")


def is_elsewhere(name):
    """Whether a program belongs to a part of its own: persistence."""
    return name.startswith("persistence_")


def programs(folder):
    """What ctest would run: [(name, command, working folder)]. Built but removed ones are not in it."""
    listing = subprocess.run(["ctest", "--test-dir", str(folder), "--show-only=json-v1"],
                             capture_output=True, text=True, check=True).stdout
    found = []
    for test in json.loads(listing)["tests"]:
        where = {p["name"]: p["value"] for p in test.get("properties", [])}
        found.append((test["name"], test.get("command"),
                      where.get("WORKING_DIRECTORY", str(ROOT))))
    return found


def run_program(command, cwd, env):
    """Runs one program; returns (exit code or None for a timeout, its output, its tests)."""
    listing = subprocess.run([*command, "--gtest_list_tests"], cwd=cwd, env=env, text=True,
                             errors="replace", capture_output=True, timeout=60)
    names, suite = [], ""
    for line in listing.stdout.splitlines():
        word = line.split("#")[0].rstrip()
        if line.startswith("  "):
            names.append(suite + word.strip())
        elif word.endswith("."):
            suite = word
    process = subprocess.Popen(command, cwd=cwd, env=env, text=True, errors="replace",
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True)
    try:
        output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
        return process.returncode, output, names
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return None, output, names


def outcomes(output):
    """What the output says of each test: name -> OK, FAILED, SKIPPED, or RUN when it never ended."""
    seen = {}
    for line in output.splitlines():
        match = LINE.match(line)
        # The summary at the end repeats names; the first verdict stays.
        if match and seen.get(match[2], "RUN") == "RUN":
            seen[match[2]] = match[1]
    return seen


def skip_reason(output, name):
    """The text given to GTEST_SKIP(): it stands between the test's own lines."""
    body = output.split(f"[ RUN      ] {name}\n", 1)[-1].split("[  SKIPPED ]", 1)[0]
    lines = [l.strip() for l in body.splitlines() if l.strip() and not l.rstrip().endswith("Skipped")]
    return lines[-1] if lines else "the test gives no reason"


def count(program, code, output, names, report):
    """Adds a program's tests to the report; prints its output when something failed."""
    seen = outcomes(output)
    bad = 0
    for name in names:
        verdict = seen.get(name, "never started")
        full = f"{program}: {name}"
        if verdict == "OK":
            report.ok(name=full)
        elif verdict == "SKIPPED":
            report.skip(full, skip_reason(output, name))
        elif ".DISABLED_" in name or name.startswith("DISABLED_"):
            report.skip(full, "disabled in the source")
        else:
            bad += 1
            report.fail(full, {"FAILED": ""}.get(verdict, f"{verdict}; the program "
                               + ("ran too long" if code is None else f"ended with {code}")))
    if not names:
        bad += 1
        report.fail(program, f"lists no tests (exit code {code})")
    elif code != 0 and not bad:
        # A leak found at exit, for example: every test passed, the program did not.
        bad += 1
        report.fail(program, "ran too long" if code is None else f"ended with {code}")
    if bad:
        print(output[-20000:], flush=True)


def run(folder, report, only=""):
    """Runs the programs whose names begin with `only`, which may be several beginnings."""
    print("\n== unit", flush=True)
    env = dict(os.environ, UBSAN_OPTIONS="print_stacktrace=1", GTEST_COLOR="no")
    found = [program for program in programs(folder)
             if program[0].startswith(only) and not is_elsewhere(program[0])]
    if not found:
        report.skip("unit", "no test programs are declared")
    workers = os.cpu_count() or 2
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        started = time.monotonic()
        jobs = {}
        for name, command, cwd in found:
            if not command:
                report.fail(name, "was not built")
                continue
            jobs[pool.submit(run_program, command, cwd, env)] = name
        for done, job in enumerate(concurrent.futures.as_completed(jobs), 1):
            name = jobs[job]
            try:
                code, output, names = job.result()
            except (OSError, subprocess.SubprocessError) as error:
                report.fail(name, str(error))
                continue
            print(f"[{done}/{len(jobs)} {time.monotonic() - started:.0f}s] {name}: "
                  f"{len(names)} tests", flush=True)
            count(name, code, output, names, report)
