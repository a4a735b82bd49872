# SPDX-License-Identifier: Apache-2.0
"""Runs tests/integration with pytest against the built programs, and counts each test."""

import importlib.util
import os
import subprocess
import sys
import xml.etree.ElementTree as xml

from . import ROOT


def environment(folder):
    """What the tests get: where the programs lie. Leaks are errors in the programs they start."""
    programs = str(folder / "bin")
    return dict(os.environ, VATMESH_BIN=programs, VATMESH_EXAMPLES_BIN=programs,
                UBSAN_OPTIONS="print_stacktrace=1")


def run(folder, report, files=("",)):
    """Runs these files of tests/integration, or all."""
    print("\n== integration", flush=True)
    if importlib.util.find_spec("pytest") is None:
        report.skip("integration", "pytest is not there; deploy/setup --python says why")
        return
    results = folder / "integration.xml"
    results.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "--tb=short",
               f"--junitxml={results}", *(f"tests/integration/{file}" for file in files)]
    code = subprocess.run(command, cwd=ROOT, env=environment(folder)).returncode
    if not results.exists():
        report.fail("integration", f"pytest ended with {code} and no results")
        return
    before = len(report.failures)
    for case in xml.parse(results).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        bad = case.find("failure") if case.find("failure") is not None else case.find("error")
        skipped = case.find("skipped")
        if bad is not None:
            report.fail(name, (bad.get("message") or "").splitlines()[0][:200] if bad.get("message") else "")
        elif skipped is not None:
            report.skip(name, skipped.get("message"))
        else:
            report.ok(name=name)
    if code not in (0, 1) or (code == 1 and len(report.failures) == before):
        report.fail("integration", f"pytest ended with {code}")
