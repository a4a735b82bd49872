# SPDX-License-Identifier: Apache-2.0
"""Runs the checks of the source tree, each one a test, then the tests of the checks and of this
runner."""

import unittest

from checks import format as format_check
from checks import conformance, layout, rings

from . import ROOT


class _Counting(unittest.TestResult):
    """Hands each single unittest over to the report."""

    def __init__(self, report):
        super().__init__()
        self.report = report

    def addSuccess(self, test):
        self.report.check(test.id(), [])

    def addFailure(self, test, err):
        self.report.check(test.id(), self._exc_info_to_string(err, test).splitlines())

    addError = addFailure

    def addSkip(self, test, reason):
        self.report.skip(test.id(), reason)


def run(report):
    print("\n== checks", flush=True)
    report.check("checks/rings", rings.check(ROOT))
    report.check("checks/layout", layout.check(ROOT))
    report.check("checks/conformance", conformance.check(ROOT))
    reason = format_check.unavailable()
    if reason:
        report.skip("checks/format", reason)
    else:
        report.check("checks/format", format_check.check(ROOT))
    for folder in ("checks", "runner"):
        suite = unittest.TestLoader().discover(str(ROOT / "tests" / folder), "*_test.py",
                                               str(ROOT / "tests"))
        suite.run(_Counting(report))
