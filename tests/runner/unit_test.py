# SPDX-License-Identifier: Apache-2.0
"""The counting of GoogleTest programs: nothing that goes wrong in one may look like success."""

import contextlib
import io
import unittest

from runner import unit
from runner.report import Report

NAMES = ["Frame.Reads", "Frame.Writes", "Frame.Skips"]
READS = "[ RUN      ] Frame.Reads\n[       OK ] Frame.Reads (0 ms)\n"
WRITES = "[ RUN      ] Frame.Writes\n[       OK ] Frame.Writes (1 ms)\n"
SKIPS = ("[ RUN      ] Frame.Skips\nframe_test.cc:9: Skipped\nno such device\n\n"
         "[  SKIPPED ] Frame.Skips (0 ms)\n")


class CountTest(unittest.TestCase):
    def counted(self, code, output, names=NAMES):
        report = Report()
        with contextlib.redirect_stdout(io.StringIO()):
            unit.count("frame_test", code, output, names, report)
        return report.passed, len(report.failures), report.skips

    def test_counts_each_test(self):
        self.assertEqual(self.counted(0, READS + WRITES + SKIPS),
                         (2, 0, [("frame_test: Frame.Skips", "no such device")]))

    def test_a_failed_test_is_one_failure(self):
        failed = "[ RUN      ] Frame.Writes\n[  FAILED  ] Frame.Writes (1 ms)\n"
        again = "[  FAILED  ] Frame.Writes\n"
        self.assertEqual(self.counted(1, READS + failed + SKIPS + again)[:2], (1, 1))

    def test_a_crash_fails_the_running_test_and_those_behind_it(self):
        self.assertEqual(self.counted(-6, READS + "[ RUN      ] Frame.Writes\n")[:2], (1, 2))

    def test_a_timeout_fails_the_running_test(self):
        self.assertEqual(self.counted(None, READS + SKIPS + "[ RUN      ] Frame.Writes\n")[:2],
                         (1, 1))

    def test_a_bad_end_after_good_tests_is_a_failure(self):
        self.assertEqual(self.counted(23, READS + WRITES + SKIPS)[:2], (2, 1))

    def test_a_program_without_tests_is_a_failure(self):
        self.assertEqual(self.counted(0, "", names=[])[:2], (0, 1))

    def test_nothing_run_is_no_success(self):
        self.assertEqual(Report().exit_code(), 1)


if __name__ == "__main__":
    unittest.main()
