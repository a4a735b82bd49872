# SPDX-License-Identifier: Apache-2.0
"""The table of golden data: no file without a row, no row that looks better than its tests."""

import contextlib
import io
import unittest

from runner import vectors
from runner.report import Report


class TableTest(unittest.TestCase):
    def row(self, report):
        return next(l for l in vectors.table(report).splitlines() if l.startswith("uri-print.json"))

    def test_every_file_of_golden_data_has_a_row(self):
        found = {str(p.relative_to(vectors.FOLDER)) for p in vectors.FOLDER.rglob("*.json")}
        self.assertEqual(found, set(vectors.ROWS))

    def test_a_row_counts_its_tests(self):
        report = Report()
        report.ok(name="rpc_sturdy_uri_test: PrintUri.AgreesWithTheOcamlNetwork")
        report.ok(name="rpc_sturdy_uri_test: LooksLikeUri.TellsUrisFromPaths")
        self.assertRegex(self.row(report), r"40 +1 +0 +0  ok$")

    def test_a_failure_shows(self):
        report = Report()
        with contextlib.redirect_stdout(io.StringIO()):
            report.fail("rpc_sturdy_uri_test: PrintUri.AgreesWithTheOcamlNetwork")
        self.assertRegex(self.row(report), r"FAILED$")

    def test_what_did_not_run_is_told(self):
        self.assertRegex(self.row(Report()), r"not run$")
        self.assertIn("uri-print.json", vectors.missing(Report()))


if __name__ == "__main__":
    unittest.main()
