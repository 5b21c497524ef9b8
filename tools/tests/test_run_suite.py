# SPDX-License-Identifier: Apache-2.0
"""How the runner counts, above all when a test executable does not live to report."""

import json
import pathlib
import tempfile
import unittest

import run_suite

CRASHED = """[==========] Running 3 tests from 1 test suite.
[----------] 3 tests from s
[ RUN      ] s.one
some output
[       OK ] s.one (0 ms)
[ RUN      ] s.two
x.cpp:1: Failure
[  FAILED  ] s.two (0 ms)
[ RUN      ] s.three
"""


class Counting(unittest.TestCase):
    def test_a_crash_counts_what_ended_and_fails_what_was_running(self):
        self.assertEqual((1, 2, 0), run_suite.Suite.count(pathlib.Path("/nonexistent"), CRASHED))

    def test_what_passed_is_not_shown_and_what_was_running_is(self):
        shown = run_suite.Suite.without_successes(CRASHED)
        self.assertNotIn("s.one", shown)
        self.assertIn("s.two", shown)
        self.assertIn("s.three", shown)

    def test_a_report_is_counted_case_by_case(self):
        def case(name, status="RUN", result="COMPLETED", **more):
            return {"name": name, "status": status, "result": result, **more}
        report = {"testsuites": [{"name": "s", "testsuite": [
            case("a"), case("b", failures=[{}]), case("c", result="SKIPPED"),
            case("DISABLED_d", status="NOTRUN", result="SUPPRESSED"),
            case("filtered_out", status="NOTRUN", result="SUPPRESSED")]}]}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(report, file)
            file.flush()
            self.assertEqual((1, 1, 2), run_suite.Suite.count(pathlib.Path(file.name), ""))


if __name__ == "__main__":
    unittest.main()
