# SPDX-License-Identifier: Apache-2.0
"""The format check finds a badly formatted file and accepts a good one."""

import pathlib
import tempfile
import unittest

from checks import format as format_check


class FormatTest(unittest.TestCase):
    def setUp(self):
        if format_check.unavailable():
            self.skipTest(format_check.unavailable())

    def problems(self, text):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / ".clang-format").write_text("BasedOnStyle: Google\n")
            (root / "a.cc").write_text(text)
            return format_check.check(root)

    def test_accepts_formatted(self):
        self.assertEqual(self.problems("int x = 1;\n"), [])

    def test_names_the_file_that_is_not(self):
        self.assertEqual(len(self.problems("int   x=1;\nint  y;\n")), 1)


if __name__ == "__main__":
    unittest.main()
