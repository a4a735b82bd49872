# SPDX-License-Identifier: Apache-2.0
"""The table of stores: what did not pass may not look as if it had."""

import unittest

from runner import persistence, unit


class TableTest(unittest.TestCase):
    def test_has_a_row_for_each_case_and_a_column_for_each_store(self):
        lines = list(persistence.table({
            "All/Store.KeepsRefs/Memory": "OK", "All/Store.KeepsRefs/Files": "FAILED",
            "All/Crash.LosesNothing/Files": "RUN", "Record.ComesBack": "OK"}))
        self.assertEqual([line.split() for line in lines],
                         [["Memory", "Files"], ["Keeps", "refs", "ok", "FAILED"],
                          ["Loses", "nothing", "-", "FAILED"]])

    def test_writes_names_as_words(self):
        self.assertEqual(persistence.words("PagesThrough10000RefsInOrder"),
                         "Pages through 10000 refs in order")
        self.assertEqual(persistence.words("KeepsAReadOnlyDisk"), "Keeps a read only disk")

    def test_knows_its_programs(self):
        self.assertTrue(unit.is_elsewhere("persistence_store_test"))
        self.assertFalse(unit.is_elsewhere("rpc_base_status_test"))


if __name__ == "__main__":
    unittest.main()
