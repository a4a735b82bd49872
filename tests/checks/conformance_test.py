# SPDX-License-Identifier: Apache-2.0
"""The check of the conformance page accepts a whole page and finds each thing planted in it."""

import pathlib
import tempfile
import unittest

from checks import conformance

ROWS = ["| 1 | a | `Suite.Test` |", "| 2–100 | b | later |", "| 101–108, 109 | c | No |"]


class ConformanceTest(unittest.TestCase):
    def problems(self, rows, tests="TEST_F(Suite, Test) {\n}\n"):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "tests/rpc").mkdir(parents=True)
            (root / "tests/rpc/some_test.cc").write_text(tests)
            (root / conformance.PAGE).write_text("\n".join(rows) + "\n")
            return conformance.check(root)

    def test_accepts_a_page_with_every_scenario(self):
        self.assertEqual(self.problems(ROWS), [])

    def test_finds_a_test_that_does_not_exist(self):
        self.assertEqual(self.problems(ROWS, "TEST(Suite, Another) {}\n"),
                         ["tests/rpc/CONFORMANCE.md:1: there is no test Suite.Test"])

    def test_misses_a_scenario(self):
        self.assertEqual(self.problems(ROWS[:2] + ["| 102–109 | c | No |"]),
                         ["tests/rpc/CONFORMANCE.md: scenario 101 stands there 0 times"])

    def test_finds_one_that_stands_there_twice(self):
        self.assertEqual(self.problems(ROWS + ["| 7 | d | No |"]),
                         ["tests/rpc/CONFORMANCE.md: scenario 7 stands there 2 times"])


if __name__ == "__main__":
    unittest.main()
