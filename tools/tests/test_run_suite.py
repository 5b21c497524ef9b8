# SPDX-License-Identifier: Apache-2.0
"""How the runner counts, above all when a test executable does not live to report, and how it runs
parts side by side."""

import argparse
import json
import pathlib
import tempfile
import threading
import unittest
import unittest.mock

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


class SideBySide(unittest.TestCase):
    def test_what_takes_longest_begins_first_and_the_rest_keeps_its_order(self):
        names = ["unit_base", "conformance", "lint", "install"]
        parts = [run_suite.Part(name, run_suite.Outcome) for name in names]
        self.assertEqual(["install", "conformance", "unit_base", "lint"],
                         [part.name for part in run_suite.longest_first(parts)])

    def test_parts_run_at_the_same_time_and_each_is_told_when_it_has_ended(self):
        second_has_ended = threading.Event()

        def first():
            self.assertTrue(second_has_ended.wait(60))
            return run_suite.Outcome(passed=1).say("ok", "first", "", 0)

        def second():
            return run_suite.Outcome(passed=2).say("ok", "second", "", 0)

        parts = [run_suite.Part("first", first), run_suite.Part("second", second)]
        passed = []
        for outcome in run_suite.run_side_by_side(parts, 2):
            passed.append(outcome.tally.passed)
            second_has_ended.set()
        self.assertEqual([2, 1], passed)

    def test_one_job_runs_one_part_after_the_other(self):
        at_work, most = [], []

        def work():
            at_work.append(1)
            most.append(len(at_work))
            at_work.pop()
            return run_suite.Outcome(passed=1)

        parts = [run_suite.Part(str(number), work) for number in range(20)]
        self.assertEqual(20, len(list(run_suite.run_side_by_side(parts, 1))))
        self.assertEqual(1, max(most))

    def test_a_part_that_cannot_be_run_is_a_failure_of_its_own(self):
        def broken():
            raise OSError("not there")

        parts = [run_suite.Part("broken", broken), run_suite.Part("well", run_suite.Outcome)]
        outcomes = list(run_suite.run_side_by_side(parts, 2))
        self.assertEqual([0, 1], sorted(outcome.tally.failed for outcome in outcomes))
        self.assertIn("not there", "".join(line for outcome in outcomes for line in outcome.lines))

    def test_no_case_runs_twice_or_never(self):
        suite = run_suite.Suite(argparse.Namespace(preset="dev", only=[], filter_file=None))
        with unittest.mock.patch.object(suite, "executable_outcome") as outcome:
            for name in ("integration", "conformance", "memory", "unit_base"):
                outcome.reset_mock()
                beside, alone = suite.executable_parts(name, pathlib.Path(name))
                for part in beside + alone:
                    part.work()
                calls = [call.args[2:] for call in outcome.call_args_list]
                if name == "integration":
                    self.assertEqual("crawler_ladder.*", calls.pop()[0])
                    self.assertEqual({"-crawler_ladder.*"}, {call[0] for call in calls})
                elif name == "memory":
                    self.assertEqual(([], [(None,)]), (beside, calls))
                    continue
                shards = run_suite.SHARDS.get(name, 1)
                self.assertEqual([(shard, shards) for shard in range(shards)],
                                 [call[1:] for call in calls])


if __name__ == "__main__":
    unittest.main()
