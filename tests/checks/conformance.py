# SPDX-License-Identifier: Apache-2.0
"""Fails when the page of conformance names a test that does not exist, or leaves a scenario out."""

import pathlib
import re
import sys

if __name__ == "__main__":
    # Its own folder would put its modules in the place of others of the same name.
    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

from checks import main, tracked

PAGE = "tests/rpc/CONFORMANCE.md"
SCENARIOS = range(1, 110)
DEFINED = re.compile(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", re.MULTILINE)
NAMED = re.compile(r"`([A-Z]\w*\.[A-Z]\w*)`")
ROW = re.compile(r"^\| ([0-9–, ]+) \|")


def _numbers(cell):
    for part in cell.split(","):
        first, _, last = part.strip().partition("–")
        yield from range(int(first), int(last or first) + 1)


def check(root):
    """The problems under `root`, one line each."""
    defined = set()
    for path in tracked(root):
        if path.name.endswith("_test.cc"):
            defined |= {f"{suite}.{name}"
                        for suite, name in DEFINED.findall((root / path).read_text())}
    problems = []
    seen = []
    for number, line in enumerate((root / PAGE).read_text().splitlines(), 1):
        problems += [f"{PAGE}:{number}: there is no test {name}"
                     for name in NAMED.findall(line) if name not in defined]
        if row := ROW.match(line):
            seen += _numbers(row.group(1))
    problems += [f"{PAGE}: scenario {scenario} stands there {seen.count(scenario)} times"
                 for scenario in SCENARIOS if seen.count(scenario) != 1]
    return problems


if __name__ == "__main__":
    main(check)
