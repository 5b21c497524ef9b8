# SPDX-License-Identifier: Apache-2.0
"""How bench/hold.py judges what it has measured."""

import pathlib
import sys
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

import hold  # noqa: E402  pylint: disable=wrong-import-position
import field  # noqa: E402  pylint: disable=wrong-import-position
import ladder  # noqa: E402  pylint: disable=wrong-import-position


def good_c10k():
    """What a machine measures on which everything goes well."""
    return {"open": 10_000, "open_seconds": 0.5, "connect": [[[100, 10_000]]], "asked": 200_000,
            "answered": 200_000, "answer": [[[500, 199_000], [40_000, 1000]]], "idle_cpu": 0.001,
            "exchange_seconds": 20.01,
            "cpu": [2.4, 3.0, 0.1], "cancel_cpu": 0.06, "server_memory": 20e6,
            "server_growth": 15e6, "load_memory": 30e6, "slab": 95e6, "looked_at": 9e6,
            "total_memory": 145e6, "reset": 5000, "cancelled": 5000, "cancel_seconds": 0.05,
            "ends": 5000, "end_seconds": 0.2, "left": 0, "errors": {}}


def missed(**changes):
    """The names of the targets that are missed when so much is different."""
    found = {**good_c10k(), **changes}
    targets = ladder.judge_hold("c10k", ladder.RUNGS["c10k"], found)
    return [target.name for target in targets if not target.is_held()]


class Judging(unittest.TestCase):
    def test_nothing_is_missed_when_all_goes_well(self):
        self.assertEqual([], missed())

    def test_each_figure_of_the_ladder_can_be_missed(self):
        self.assertEqual(["all connected"], missed(open_seconds=2.1))
        self.assertEqual(["answer, 99 %"], missed(answer=[[[500, 190_000], [50_001, 10_000]]]))
        self.assertEqual(["memory of the servers"], missed(server_memory=40.1e6))
        self.assertEqual(["CPU of the busiest idle server"], missed(idle_cpu=0.011))
        self.assertEqual(["errors"], missed(errors={"Connection reset by peer": 1}))
        self.assertEqual(["errors"], missed(errors={"shortages at the server": 1}))
        self.assertEqual(["connections"], missed(open=9999))
        self.assertEqual(["messages without answer"], missed(answered=199_999))
        self.assertEqual(["messages"], missed(exchange_seconds=20.3))
        self.assertEqual(["descriptors left"], missed(left=1))
        self.assertEqual(["cancelled at the end"], missed(cancelled=4999))

    def test_what_was_not_measured_is_not_held(self):
        self.assertEqual(["answer, 99 %"], missed(answer=[[]]))

    def test_only_what_a_slow_moment_can_miss_is_measured_again(self):
        def attempts_with(**changes):
            found = {**good_c10k(), **changes}
            outcome = ladder.judge_hold("c10k", ladder.RUNGS["c10k"], found), {}
            with unittest.mock.patch.object(hold, "measure", return_value=outcome) as measured:
                hold.measure_patiently("c10k", None, "epoll", 3)
            return measured.call_count

        self.assertEqual(1, attempts_with())
        self.assertEqual(3, attempts_with(open_seconds=9))
        self.assertEqual(1, attempts_with(server_memory=41e6))
        self.assertEqual(1, attempts_with(open_seconds=9, errors={"Connection refused": 1}))


class Memory(unittest.TestCase):
    SLABS = """slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>
proc_inode_cache    1000   1100    696   23    4 : tunables    0    0    0 : slabdata 48 48 0
dentry              5000   5100    192   21    1 : tunables    0    0    0 : slabdata 243 243 0
lsm_inode_cache     4000   4096     32  128    1 : tunables    0    0    0 : slabdata 32 32 0
TCP                  200    208   2368   13    8 : tunables    0    0    0 : slabdata 16 16 0
"""

    def of_looks(self, text):
        file = unittest.mock.Mock()
        file.read_text.return_value = text
        return field.memory_of_looks_into_proc(file)

    def test_an_entry_of_proc_has_an_inode_a_name_and_what_is_added(self):
        self.assertEqual(1000 * (696 + 192 + 32), self.of_looks(self.SLABS))

    def test_a_kernel_that_does_not_tell_counts_nothing(self):
        self.assertEqual(0, self.of_looks("slabinfo - version: 2.1\n"))
        file = unittest.mock.Mock()
        file.read_text.side_effect = PermissionError
        self.assertEqual(0, field.memory_of_looks_into_proc(file))

    def test_an_end_does_not_count_what_others_have_looked_at(self):
        self.assertEqual((95e6 - 9e6 + 20e6 + 30e6) / 20_000,
                         ladder.bytes_of_an_end(ladder.RUNGS["c10k"], good_c10k()))


class Histograms(unittest.TestCase):
    def test_several_processes_add_up(self):
        both = [[[10, 98], [200, 1]], [[50, 1]]]
        self.assertEqual(10, ladder.quantile(both, 0.98))
        self.assertEqual(50, ladder.quantile(both, 0.99))
        self.assertEqual(200, ladder.quantile(both, 1))

    def test_without_entries_there_is_no_quantile(self):
        self.assertIsNone(ladder.quantile([[], []], 0.5))


class Sharing(unittest.TestCase):
    def test_nothing_is_lost_between_the_loops(self):
        for rung in ladder.RUNGS.values():
            shares = field.share_out(rung.connections, rung.loops_in_all())
            self.assertEqual(rung.connections, sum(shares))
            self.assertLessEqual(max(shares) + hold.DESCRIPTORS_BESIDE, 20_000)


if __name__ == "__main__":
    unittest.main()
