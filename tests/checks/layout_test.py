# SPDX-License-Identifier: Apache-2.0
"""The layout check accepts the fixed top level and finds each thing planted in it."""

import pathlib
import tempfile
import unittest

from checks import layout


class LayoutTest(unittest.TestCase):
    def problems(self, change=lambda root: None):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name in layout.FILES:
                (root / name).write_text("# x\n")
            for name in layout.FOLDERS:
                (root / name).mkdir()
                (root / name / "README.md").write_text("# x\n[up](../README.md) [web](https://a.b/c)\n")
            change(root)
            return layout.check(root)

    def test_accepts_the_fixed_top_level(self):
        self.assertEqual(self.problems(), [])
        self.assertEqual(self.problems(lambda root: (root / ".clang-format").write_text("")), [])

    def test_refuses_a_new_folder_or_file(self):
        def folder(root):
            (root / "docs").mkdir()
            (root / "docs/x.md").write_text("# x\n")
        self.assertEqual(len(self.problems(folder)), 1)
        self.assertEqual(len(self.problems(lambda root: (root / "Makefile").write_text(""))), 1)

    def test_misses_a_readme(self):
        self.assertEqual(len(self.problems(lambda root: (root / "helm/README.md").unlink())), 1)

    def test_finds_a_dead_link(self):
        self.assertEqual(
            self.problems(lambda root: (root / "README.md").write_text("# x\n[a](rpc/gone.md)\n")),
            ["README.md:2: rpc/gone.md is not there"])

    def test_finds_a_page_without_its_heading(self):
        # As a formatter for C++ leaves it.
        problems = self.problems(lambda root: (root / "rpc/README.md").write_text("#rpc : the engine\n"))
        self.assertEqual(len(problems), 1)
        self.assertIn("rpc/README.md:1: begins without a heading", problems[0])

    def test_finds_a_source_without_licence(self):
        self.assertEqual(len(self.problems(lambda root: (root / "rpc/a.h").write_text("int x;"))), 1)


if __name__ == "__main__":
    unittest.main()
