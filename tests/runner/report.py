# SPDX-License-Identifier: Apache-2.0
"""Counts single tests and prints what happened, as it happens."""


class Report:
    """The sum of all parts: how many tests passed, and which failed or were skipped, and why."""

    def __init__(self):
        self.passed = 0
        self.passed_names = set()
        self.failures = []
        self.skips = []

    def ok(self, count=1, name=None):
        self.passed += count
        if name:
            self.passed_names.add(name)

    def fail(self, name, why=""):
        self.failures.append((name, why))
        print(f"FAILED  {name}{': ' + why if why else ''}", flush=True)

    def skip(self, name, why):
        self.skips.append((name, why or "no reason given"))
        print(f"skipped {name}: {why}", flush=True)

    def check(self, name, problems):
        """One test that passes when the list of problems is empty."""
        if problems:
            for problem in problems:
                print(f"  {problem}")
            self.fail(name, f"{len(problems)} problem(s)")
        else:
            self.ok()
            print(f"ok      {name}", flush=True)

    def exit_code(self):
        return 0 if self.passed and not self.failures else 1

    def summary(self):
        """Repeats failures and skips, then the one line that others parse."""
        for title, rows in (("Failed", self.failures), ("Skipped", self.skips)):
            if rows:
                print(f"\n{title}:")
            for name, why in rows:
                print(f"  {name}{': ' + why if why else ''}")
        print()
        return f"{self.passed} passed, {len(self.failures)} failed, {len(self.skips)} skipped"
