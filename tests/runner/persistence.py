# SPDX-License-Identifier: Apache-2.0
"""Runs the tests of the stores, and prints what each store does as a table of cases and stores."""

import os
import re

from . import unit

# "All/Store.KeepsEveryField/Sqlite" is a case of the conformance suite for one store.
CASE = re.compile(r"^\w+/(\w+)\.(\w+)/(\w+)$")
SIGNS = {"OK": "ok", "FAILED": "FAILED", "SKIPPED": "skipped"}


def words(name):
    """A test's name as people read it."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z])(?=[0-9])", " ", name)
    return spaced[0] + spaced[1:].lower()


def table(verdicts):
    """The lines of the table; `verdicts` is {test name: what became of it}."""
    stores, rows = [], {}
    for name, verdict in verdicts.items():
        match = CASE.match(name)
        if not match:
            continue
        suite, case, store = match.groups()
        if store not in stores:
            stores.append(store)
        rows.setdefault((suite, case), {})[store] = SIGNS.get(verdict, "FAILED")
    width = max((len(words(case)) for _, case in rows), default=0)
    yield "".join([" " * width, *(f"  {store:<8}" for store in stores)]).rstrip()
    for (_, case), cells in rows.items():
        line = [f"{words(case):<{width}}", *(f"  {cells.get(store, '-'):<8}" for store in stores)]
        yield "".join(line).rstrip()


def run(folder, report):
    print("\n== persistence", flush=True)
    env = dict(os.environ, UBSAN_OPTIONS="print_stacktrace=1", GTEST_COLOR="no")
    found = [program for program in unit.programs(folder) if unit.is_elsewhere(program[0])]
    if not found:
        report.skip("persistence", "no test programs are declared")
    verdicts = {}
    # One after the other: they measure how soon things happen.
    for name, command, cwd in found:
        if not command:
            report.fail(name, "was not built")
            continue
        code, output, names = unit.run_program(command, cwd, env)
        unit.count(name, code, output, names, report)
        seen = unit.outcomes(output)
        verdicts.update({test: seen.get(test, "FAILED") for test in names})
    print("\n".join(table(verdicts)), flush=True)
