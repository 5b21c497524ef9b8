# SPDX-License-Identifier: Apache-2.0
"""What bench/run.py makes of its measurements: medians, ratios, order, tables, plots, thresholds."""

import contextlib
import io
import json
import os
import pathlib
import shutil
import socket
import sys
import tempfile
import threading
import types
import unittest
import unittest.mock
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

from harness import (building, compilation, crawl, estimate, holding, machine,  # noqa: E402
                     memory, micro, peers, plaintext, plot, record, session, tables, thresholds,
                     whole_core, workloads)

NAMES = {"epoll": "C on epoll", "simul-epoll": "simul, epoll", "slow": "the slow one",
         "simul-uring": "simul, io_uring"}


def row(who, cpu, repetition=0, case="1", workload="echo", **more):
    return {"workload": workload, "case": case, "who": who, "repetition": repetition, "cpu": cpu,
            **more}


# The machine was twice as slow in the second repetition and ten times in the third.
UNSTEADY = [row("epoll", 10.0, 0), row("epoll", 20.0, 1), row("epoll", 100.0, 2),
            row("simul-epoll", 11.0, 0), row("simul-epoll", 20.0, 1), row("simul-epoll", 130.0, 2)]


class Figures(unittest.TestCase):
    def test_a_ratio_compares_runs_of_the_same_repetition(self):
        found = tables.ratio(UNSTEADY, "1", "simul-epoll", "epoll")
        self.assertAlmostEqual(1.1, found.middle)
        self.assertAlmostEqual(1.0, found.low)
        self.assertAlmostEqual(1.3, found.high)

    def test_who_failed_halfway_is_compared_in_what_there_is(self):
        rows = [each for each in UNSTEADY if each["who"] == "epoll" or each["repetition"] == 1]
        self.assertEqual(tables.Ratio(1.0, 1.0, 1.0),
                         tables.ratio(rows, "1", "simul-epoll", "epoll"))

    def test_without_a_common_repetition_there_is_no_ratio(self):
        rows = [row("epoll", 10.0, 0), row("slow", 30.0, 1)]
        self.assertIsNone(tables.ratio(rows, "1", "slow", "epoll"))
        self.assertIsNone(tables.ratio(rows, "1", "slow", "nobody"))

    def test_spread_is_half_of_the_range_in_percent(self):
        self.assertAlmostEqual(25.0, tables.spread([8.0, 12.0, 8.0, 8.0]))
        self.assertEqual(0.0, tables.spread([3.0]))
        self.assertEqual(0.0, tables.spread([0.0, 0.0]))

    def test_each_repetition_begins_with_another(self):
        orders = [tables.rotated("abc", by) for by in range(4)]
        self.assertEqual([list("abc"), list("bca"), list("cab"), list("abc")], orders)
        self.assertEqual([], tables.rotated([], 2))

    def test_the_cheapest_by_median_comes_first(self):
        rows = [row("slow", 1.0, 0), row("slow", 50.0, 1), row("slow", 60.0, 2), *UNSTEADY,
                row("other", 1.0, case="100")]
        self.assertEqual(["epoll", "simul-epoll", "slow"], tables.in_order(rows, "1")[:3])


class Tables(unittest.TestCase):
    FORM = tables.Form("connections", "server", (tables.Column("messages/s", "rate"),),
                       tables.Column("CPU µs/message", "cpu", 2))

    def test_a_comparison_has_a_line_for_each_case_and_server(self):
        rows = [row("slow", 30.0, rate=1000.0), row("epoll", 10.0, rate=12345.6),
                row("simul-epoll", 11.0, case="100", rate=5.0)]
        self.assertEqual([
            "| connections | server | messages/s | CPU µs/message | ± % | to C on epoll |",
            "| --: | --- | --: | --: | --: | --: |",
            "| 1 | C on epoll | 12,346 | 10.00 | 0 | 1.00 |",
            "| 1 | the slow one | 1,000 | 30.00 | 0 | 3.00 |",
            "| 100 | **simul, epoll** | 5 | 11.00 | 0 | – |",
        ], tables.comparison(rows, self.FORM, NAMES, "epoll"))

    def test_a_single_case_has_no_column(self):
        form = tables.Form("", "crawler", (tables.Column("pages", "pages"),),
                           tables.Column("CPU ms/page", "cpu", 3))
        lines = tables.comparison([row("slow", 0.5, case="", pages=None)], form, NAMES, "epoll")
        self.assertEqual("| crawler | pages | CPU ms/page | ± % | to C on epoll |", lines[0])
        self.assertEqual("| the slow one | – | 0.500 | 0 | – |", lines[2])

    def test_cases_have_a_singular(self):
        self.assertEqual("1 connection", tables.case_name("1", "connections"))
        self.assertEqual("100 connections", tables.case_name("100", "connections"))
        self.assertEqual("lock", tables.case_name("lock", ""))

    def test_the_parts_stand_beside_the_best_peer_of_the_same_run(self):
        operation = "lock and unlock a free mutex"
        rows = [row("simul-epoll", 5.0, case=operation), row("slow", 50.0, case=operation),
                row("epoll", 10.0, case=operation), row("slow", 1.0, case="only others do this"),
                row("simul-epoll", 448.2, case="nobody else does this")]
        lines = micro.table(rows, NAMES)
        self.assertEqual(
            f"| {operation} | 5.0 | 0 | C on epoll | 10.0 | 0.50 "
            f"| {peers.ELSEWHERE[operation]} |", lines[2])
        self.assertEqual("| nobody else does this | 448.2 | 0 | – | – | – |  |", lines[3])
        self.assertEqual(f"| {operation} | 5.0 | 50.0 | 10.0 |", lines[-1])

    def test_who_ran_less_often_is_named(self):
        self.assertEqual([], tables.fewer_runs(UNSTEADY, NAMES))
        self.assertEqual(["", "Fewer runs than the others' 3: the slow one 1."],
                         tables.fewer_runs([*UNSTEADY, row("slow", 1.0)], NAMES))

    def test_who_takes_least_memory_comes_first_in_each_case(self):
        case = "memory of one of a million tasks that sleep"
        rows = [{"case": case, "who": "slow", "repetition": 0, "bytes": 2688.3},
                {"case": case, "who": "simul-epoll", "repetition": 0, "bytes": 432.2},
                {"case": "idle", "who": "slow", "repetition": 0, "bytes": 4331.0}]
        self.assertEqual([f"| {case} | **simul, epoll** | 432 | 0 | {peers.ELSEWHERE[case]} |",
                          f"| {case} | the slow one | 2,688 | 0 |  |",
                          "| idle | the slow one | 4,331 | 0 |  |"],
                         memory.table(rows, NAMES)[2:])
        self.assertEqual("slow", memory.least_of_others(rows, case))
        # What takes nothing at all is no measure for a ratio.
        rows.append({"case": case, "who": "epoll", "repetition": 0, "bytes": 0.0})
        self.assertEqual("slow", memory.least_of_others(rows, case))

    def test_sources_are_compared_with_those_of_asio(self):
        rows = [row("simul", 1.0, case="hello", workload="compile", lines=51004),
                row("asio-awaitable", 4.0, case="hello", workload="compile", lines=121560)]
        self.assertEqual("| hello | **simul** | 51,004 | 1.00 | 0 | 0.25 |",
                         workloads.table("compile", rows)[2])


class Plots(unittest.TestCase):
    def draw(self, *bars):
        text = plot.svg("A & B", "less is better", [plot.Panel("1 connection", bars),
                                                    plot.Panel("nobody", ())])
        return text, xml.etree.ElementTree.fromstring(text)

    def paths(self, tree, kind):
        space = "{http://www.w3.org/2000/svg}"
        return [each.get("d") for each in tree.iter(f"{space}path") if each.get("class") == kind]

    def test_it_is_well_formed_and_has_title_labels_and_figures(self):
        text, tree = self.draw(plot.Bar("simul <3", tables.Ratio(1.5, 1.25, 2.0), True))
        texts = "\n".join(tree.itertext())
        for expected in ("A & B", "less is better", "1 connection", "simul <3", "1.50 (1.25–2.00)"):
            self.assertIn(expected, texts)
        self.assertNotIn("nobody", texts)
        self.assertIn("prefers-color-scheme: dark", text)

    def test_bars_are_as_long_as_their_ratios(self):
        _, tree = self.draw(plot.Bar("a", tables.Ratio(1.0, 1.0, 1.0)),
                            plot.Bar("b", tables.Ratio(2.0, 2.0, 2.0)))
        left = plot.MARGIN + plot.LABELS
        ends = [float(path.split("H")[1].split("L")[0]) - left for path in self.paths(tree, "bar")]
        self.assertAlmostEqual(2.0, ends[1] / ends[0], places=2)
        self.assertEqual([], self.paths(tree, "whisker"))

    def test_a_whisker_spans_the_runs(self):
        _, tree = self.draw(plot.Bar("a", tables.Ratio(1.0, 0.5, 1.5), True))
        whisker = self.paths(tree, "whisker")[0]
        low, high = (float(part.split(" ")[0].split("M")[0].split("H")[-1])
                     for part in (whisker[1:], whisker.split("H")[1]))
        left = plot.MARGIN + plot.LABELS
        self.assertAlmostEqual(3.0, (high - left) / (low - left), places=1)

    def test_what_is_far_longer_is_cut_off_and_says_its_figure(self):
        _, tree = self.draw(plot.Bar("a", tables.Ratio(1.0, 1.0, 1.0)),
                            plot.Bar("b", tables.Ratio(300.0, 200.0, 400.0)))
        right = plot.WIDTH - plot.MARGIN - plot.FIGURES
        for path in self.paths(tree, "bar"):
            self.assertLessEqual(float(path.split("L")[1].split(" ")[0]), right)
        self.assertIn("300.00 (200.00–400.00)", "".join(tree.itertext()))

    def test_each_workload_is_drawn_against_its_floor_or_its_best_peer(self):
        rows = [row("epoll", 10.0), row("simul-epoll", 11.0)]
        _, note, panels = workloads.picture("echo", rows)
        self.assertIn("C on epoll", note)
        self.assertEqual(["1 connection"], [panel.title for panel in panels])
        rows = [row("go", 10.0, case="x"), row("simul-epoll", 5.0, case="x"),
                row("simul-epoll", 5.0, case="nobody else")]
        _, _, panels = workloads.picture("micro", rows)
        self.assertEqual([("simul, epoll", 0.5), ("Go", 1.0)],
                         [(bar.label, bar.ratio.middle) for bar in panels[0].bars])
        self.assertEqual(1, len(panels))

    def test_memory_is_drawn_by_its_bytes_and_what_has_no_comparison_is_not_drawn(self):
        rows = [{"workload": "memory", "case": "x", "who": who, "repetition": 0, "bytes": amount}
                for who, amount in (("tokio", 1000.0), ("simul-epoll", 250.0))]
        _, note, panels = workloads.picture("memory", rows)
        self.assertTrue(note.startswith("Memory to the best peer's"))
        self.assertEqual([0.25, 1.0], [bar.ratio.middle for bar in panels[0].bars])
        self.assertIsNone(workloads.picture("hold", [{**rows[0], "case": "", "workload": "hold"}]))


class Thresholds(unittest.TestCase):
    def report(self, rows, *workload_names):
        return thresholds.report(rows, workloads.NAMES, workloads.titles(), workload_names)

    def test_a_ratio_above_its_limit_is_not_held(self):
        lines = self.report([row("epoll", 10.0), row("simul-epoll", 10.4),
                             row("simul-uring", 10.4)], "echo")
        self.assertEqual("1 held, 1 not held, 6 not measured.", lines[0])
        self.assertIn("- TCP echo, 64 bytes, 1 connection, simul, epoll, CPU to C on epoll: 1.040, "
                      "limit 1.040: held", lines)
        self.assertIn("- TCP echo, 64 bytes, 1 connection, simul, io_uring, CPU to C on epoll: "
                      "1.040, limit 1.000: **NOT HELD**", lines)

    def test_what_was_not_measured_is_neither(self):
        lines = self.report([row("simul-epoll", 10.0)], "echo")
        self.assertEqual("0 held, 0 not held, 8 not measured.", lines[0])
        self.assertIn("- TCP echo, 64 bytes, 1 connection, simul, epoll, CPU to C on epoll: "
                      "not measured in this run, limit 1.040", lines)

    def test_a_rate_must_be_at_least_its_limit(self):
        rows = [row("epoll", 1.0, case="", workload="crawl-latency", rate=100.0),
                row("simul-epoll", 1.0, case="", workload="crawl-latency", rate=96.0),
                row("simul-uring", 1.0, case="", workload="crawl-latency", rate=97.0)]
        lines = self.report(rows, "crawl-latency")
        self.assertTrue(any("simul, epoll, rate to C on epoll: 0.960, at least 0.970: **NOT HELD**"
                            in line for line in lines))
        self.assertTrue(any("simul, io_uring, rate to C on epoll: 0.970, at least 0.970: held"
                            in line for line in lines))

    def test_an_absolute_limit_is_in_its_unit(self):
        case = "memory of one of a million tasks that sleep"
        rows = [{"workload": "memory", "case": case, "who": "simul-epoll", "repetition": number,
                 "bytes": amount} for number, amount in enumerate((250.0, 260.0, 300.0))]
        self.assertTrue(any(
            line.endswith("260.0 bytes (250.0 bytes–300.0 bytes), limit 256.0 bytes: **NOT HELD**")
            for line in self.report(rows, "memory")))

    def test_what_was_kept_of_another_run_names_its_file_and_what_measures_it(self):
        same = {"workload": "hold", "case": "", "who": "simul-epoll", "repetition": 0}
        rows = [{**same, "connections": 1e6, "bytes": 5824.0,
                 "recorded": "bench/results/x-hold.md"},
                {**same, "in one process": 89_999.0, "recorded": "bench/results/y-hold.md"}]
        told = "(bench/results/{}-hold.md; bench/run.py --only hold measures it)"
        self.assertEqual([
            "1 held, 2 not held, 1 not measured.", "",
            "- A million connections, simul, epoll: 1,000,000 connections, at least 1,000,000 "
            f"connections: held {told.format('x')}",
            "- A million connections, simul, epoll: 5,824 bytes of an end, limit 5,000 bytes of an "
            f"end: **NOT HELD** {told.format('x')}",
            "- A million connections, simul, epoll: 89,999 connections in one process, at least "
            f"90,000 connections in one process: **NOT HELD** {told.format('y')}",
            "- A million connections, simul, io_uring: not measured in this run, at least 90,000 "
            "connections in one process"],
            self.report(rows, "hold"))
        del rows[0]["recorded"]
        self.assertTrue(self.report(rows, "hold")[2].endswith(": held"))

    def test_the_medians_of_several_runs_are_judged(self):
        runs = [[row("simul", 0.1, case="task", workload="compile", lines=lines)]
                for lines in (14_000, 16_000, 15_500)]
        kept = [{"workload": "hold", "case": "", "who": "simul-epoll", "repetition": 0,
                 "connections": 1e6}]
        names, titles = workloads.NAMES, workloads.titles()
        lines = thresholds.medians(runs, kept, names, titles)
        self.assertIn("| Compilation, task source file, simul | 14,000, 16,000, 15,500 | 15,500 "
                      "| ≤ 15,000 preprocessed lines | **NOT HELD** |", lines)
        self.assertIn("| A million connections, simul, epoll | 1,000,000 | 1,000,000 "
                      "| ≥ 1,000,000 connections | held |", lines)
        self.assertTrue(lines[0].startswith("1 of "))
        self.assertTrue(any(line.startswith("| Crawl") and line.endswith("| not measured |")
                            for line in lines))

    def test_how_slow_the_machine_was_is_told_by_what_peers_took(self):
        def run(*figures):
            return [row(who, cpu, case=case, workload="micro") for who, case, cpu in figures]

        runs = [run(("tokio", "a", 10.0), ("go", "a", 50.0), ("simul-epoll", "a", 99.0)),
                run(("tokio", "a", 15.0), ("go", "a", 80.0), ("simul-epoll", "a", 1.0)),
                run(("tokio", "a", 11.0), ("go", "a", 40.0), ("tokio", "b", 7.0))]
        self.assertEqual([1.125, 1.75, 1.05], thresholds.slowness(runs))
        self.assertEqual([None], thresholds.slowness([run(("simul-epoll", "a", 1.0))]))
        self.assertEqual([], thresholds.slowness([]))

    def test_the_lines_of_a_header_have_a_limit(self):
        rows = [row("simul", 0.1, case="task", workload="compile", lines=15_001)]
        self.assertIn("- Compilation, task source file, simul: 15,001 preprocessed lines, limit "
                      "15,000 preprocessed lines: **NOT HELD**", self.report(rows, "compile"))

    def test_only_the_workloads_that_ran_are_judged(self):
        self.assertFalse(any("echo, 64" in line for line in self.report([], "crawl")))

    def test_every_target_is_about_a_peer_and_a_workload_that_exist(self):
        for target in thresholds.TARGETS:
            with self.subTest(target=target):
                programs = {part.program for part in workloads.WORKLOADS[target.workload].parts}
                for key in filter(None, (target.who, target.against)):
                    peer = next(peer for peer in peers.PEERS if peer.key == key)
                    self.assertTrue(programs & peer.programs.keys() or target.workload == "hold")

    def test_every_operation_with_a_target_is_measured(self):
        root = building.ROOT / "bench" / "micro"
        text = "".join(path.read_text() for path in root.glob("*.cpp"))
        for operation in [*(target.case for target in thresholds.TARGETS
                            if target.workload in ("micro", "memory")), *peers.ELSEWHERE]:
            if operation != memory.IDLE:
                self.assertIn(f'"{operation}"', text)


class Estimates(unittest.TestCase):
    WORKLOAD = workloads.Workload("", None, (workloads.Part("echo", 3, 0.75, True),
                                             workloads.Part("sleepers", 1, 2.0)))

    def test_a_run_takes_what_its_parts_take_each_peer_as_often_as_it_runs(self):
        programs = {"echo": peers.Program(("a",)),
                    "sleepers": peers.Program(("b",), takes=1.75, most=2)}
        peer = peers.Peer("x", "X", "C", (), programs)
        nobody = peers.Peer("y", "Y", "C", (), {"plaintext": peers.Program(("c",))})
        # Each run waits a quarter of a second: 5 × 3 × (1 + 0.75 + 0.25), and 2 × (2 + 1.75 + 0.25).
        self.assertEqual(38.0, estimate.seconds_of(self.WORKLOAD, [peer, nobody], 5, 1.0))
        self.assertEqual(0.0, estimate.seconds_of(self.WORKLOAD, [nobody], 5, 1.0))

    def test_it_is_said_in_minutes(self):
        self.assertEqual("About 11 minutes besides building: echo 10, micro 1.0.",
                         estimate.say({"echo": 600.0, "micro": 60.0}))

    def test_everything_with_the_default_options_fits_into_fifty_minutes(self):
        total = sum(estimate.seconds_of(workloads.WORKLOADS[name], peers.PEERS, 5, 1.0)
                    for name in workloads.chosen([]))
        self.assertLess(total, 50 * 60)

    def test_a_million_connections_are_held_only_when_that_is_asked_for(self):
        self.assertNotIn("hold", workloads.chosen([]))
        self.assertEqual(["echo", "hold"], workloads.chosen(["hold", "echo"]))


class Kept(unittest.TestCase):
    TEXT = """### c1m, epoll

| what | target | measured | |
|---|--:|--:|---|
| connections | 1,000,000 | 999,000 | NOT HELD |

### c1m, epoll, attempt 2

| connections | 1,000,000 | 1,000,000 | held |
| memory of an end, kernel and user, bytes | ≤ 5,000 | 5,824 | NOT HELD |

### c10k, epoll

| connections | 10,000 | 10,000 | held |
| memory of an end, kernel and user, bytes | – | 5,100 |  |

### c1m, io_uring

NOT HELD: given up after 600 s

### c90k, io_uring

| connections | 90,000 | 90,000 | held |
| memory of an end, kernel and user, bytes | ≤ 5,000 | 4,900 | held |
"""

    def test_the_last_attempt_at_a_million_connections_is_read(self):
        self.assertEqual([{"workload": "hold", "case": "", "who": "simul-epoll", "repetition": 0,
                           "connections": 1e6, "bytes": 5824.0}],
                         holding.rows_of(self.TEXT, ("c1m",)))

    def test_how_many_one_process_has_held_is_read(self):
        self.assertEqual([{"workload": "hold", "case": "", "who": "simul-uring", "repetition": 0,
                           "in one process": 9e4}], holding.rows_of(self.TEXT, ("c90k",)))

    def test_the_newest_file_with_a_rung_is_taken_and_named(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            self.assertEqual([], holding.recorded(folder))
            (folder / "2026-01-01-hold.md").write_text(self.TEXT.replace("5,824", "5,000"))
            (folder / "2026-02-02-hold.md").write_text(self.TEXT)
            (folder / "2026-03-03.md").write_text(
                "### c10k, epoll\n" + self.TEXT[self.TEXT.index("### c90k"):])
            found = holding.recorded(folder)
        self.assertEqual([(5824.0, "bench/results/2026-02-02-hold.md"),
                          (None, "bench/results/2026-03-03.md")],
                         [(each.get("bytes"), each["recorded"]) for each in found])

    def run_hold(self, record, complaint):
        def run(command, **_):
            if record:
                command[command.index("--record") + 1].write_text(record)
            return types.SimpleNamespace(stderr=complaint)

        with unittest.mock.patch.object(holding.subprocess, "run", run):
            return holding.measure(types.SimpleNamespace(simul=pathlib.Path("/nonexistent")))

    def test_what_hold_py_has_recorded_is_measured_now(self):
        rows = self.run_hold(self.TEXT[:self.TEXT.index("### c90k")], "")
        self.assertEqual(("simul-epoll", 5824.0), (rows[0]["who"], rows[0]["bytes"]))
        self.assertNotIn("recorded", rows[0])

    def test_why_hold_py_could_not_run_is_said(self):
        with self.assertRaisesRegex(machine.Failed, "c1m needs root"):
            self.run_hold("", "warning\nc1m needs root\n")
        with self.assertRaisesRegex(machine.Failed, "measured nothing"):
            self.run_hold("", "")

    def test_there_is_a_kept_run_of_a_million_connections(self):
        self.assertEqual(1e6, holding.recorded()[0]["connections"])


class Peers(unittest.TestCase):
    def test_keys_are_unique_and_what_is_built_has_a_source(self):
        keys = [peer.key for peer in peers.PEERS]
        self.assertEqual(len(keys), len(set(keys)))
        places = {"c": "c/{}.c", "c++": "cpp/{}.cpp", "go": "go/{}.go",
                  "rust": "rust/src/bin/{}.rs"}
        recipes = [program.builds for peer in peers.PEERS for program in peer.programs.values()]
        for language, name, *_ in [recipe for recipe in recipes if recipe] + [peers.LOAD]:
            self.assertTrue((building.COMPARE / places[language].format(name)).is_file(), name)

    def test_scripts_exist(self):
        for peer in peers.PEERS:
            for program in peer.programs.values():
                for word in building.fill(program.command, {"compare": building.COMPARE}):
                    if word.startswith(str(building.COMPARE)):
                        self.assertTrue(pathlib.Path(word).is_file(), word)

    def test_a_word_chooses_a_family_and_never_drops_simul_or_the_floor(self):
        chosen = [peer.key for peer in peers.chosen(["asio", "go"])]
        self.assertEqual(["epoll", "simul", "simul-epoll", "simul-uring", "asio-callback",
                          "asio-awaitable", "go"], chosen)
        self.assertEqual(len(peers.PEERS), len(peers.chosen([])))
        with self.assertRaises(ValueError):
            peers.chosen(["nobody"])

    def test_only_known_names_in_braces_are_filled_in(self):
        self.assertEqual(["x/a", "{state}"],
                         building.fill(("{simul}/a", "{state}"), {"simul": "x"}))


class Programs(unittest.TestCase):
    def test_the_first_error_of_a_build_is_its_reason(self):
        self.assertEqual("a.c:1: error: no uv.h",
                         building.first_error("warning: x\na.c:1: error: no uv.h\nmake: Error 1\n"))
        self.assertEqual("last", building.first_error("first\nlast\n"))
        self.assertEqual("failed without a word", building.first_error(""))

    def test_what_does_not_build_is_left_out_with_its_reason_and_not_tried_again(self):
        with tempfile.TemporaryDirectory() as folder:
            builder = building.Builder(pathlib.Path(folder))
            tries = []

            def fail(_builder, name):
                tries.append(name)
                raise machine.Failed("no compiler")

            building.RECIPES["test"] = fail
            self.addCleanup(building.RECIPES.pop, "test")
            for _ in range(2):
                with self.assertRaisesRegex(machine.Failed, "no compiler"):
                    builder.build(("test", "x"))
            self.assertEqual(["x"], tries)

    def test_programs_that_were_there_before_are_not_said_to_be_of_this_commit(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            self.assertEqual(f"nothing built in {folder}", machine.state_of_build(folder))
            (folder / "bench").mkdir()
            for program, time in (("bench_echo", 1_700_000_000), ("bench_core", 1_700_003_600)):
                (folder / "bench" / program).touch()
                os.utime(folder / "bench" / program, (time, time))
            self.assertRegex(machine.state_of_build(folder), r"from \S+ \d\d:\d\d to \S+ \d\d:\d\d, whatever")
            head = machine.describe(5, (), folder)[0]
            self.assertIn("simul as it was built", head)
            self.assertNotIn("commit", head)
        self.assertIn("commit ", machine.describe(5, ())[0])

    def test_packages_that_cannot_be_installed_are_named(self):
        def fail(*_):
            raise machine.Failed("no network")

        versions = {"here": "1.2", "gone": ""}
        with tempfile.TemporaryDirectory() as folder, \
                unittest.mock.patch.object(building, "version_of", versions.get), \
                unittest.mock.patch.object(building, "run", fail):
            log = pathlib.Path(folder) / "log.txt"
            building.install(("here", "elsewhere"), log)  # not Debian's: the build will tell
            with self.assertRaisesRegex(machine.Failed, "not installed: gone "):
                building.install(("gone", "here"), log)

    def test_who_fails_is_left_out_of_the_rest_and_the_others_go_on(self):
        arguments = types.SimpleNamespace(build=pathlib.Path("/nonexistent"), repetitions=2,
                                          seconds=1, wait=0, patience=0)
        command = {"echo": peers.Program(("sh",))}
        chosen = [peers.Peer("good", "Good", "C", (), command),
                  peers.Peer("bad", "Bad", "C", (), {"echo": peers.Program(("sh", "bad"))}),
                  peers.Peer("absent", "Absent", "C", (), {"echo": peers.Program(("/none",))})]
        running = session.Session(arguments, chosen, building.Builder(pathlib.Path("/nonexistent")))

        def measure(program, case):
            if program.command[-1] == "bad" and case == "2":
                raise machine.Failed("it broke")
            return [{"cpu": 1.0}]

        with contextlib.redirect_stderr(io.StringIO()):
            rows = running.interleaved("echo", ("1", "2"), measure)
        self.assertEqual([("good", 0, "1"), ("good", 0, "2"), ("bad", 0, "1"), ("good", 1, "1"),
                          ("good", 1, "2")],
                         [(each["who"], each["repetition"], each["case"]) for each in rows])
        self.assertEqual(["Absent is left out of echo: none is not there",
                          "Bad is left out of echo: it broke"], running.left_out)

    def test_what_takes_long_runs_less_often(self):
        arguments = types.SimpleNamespace(build=pathlib.Path("/nonexistent"), repetitions=3,
                                          seconds=1, wait=0, patience=0)
        chosen = [peers.Peer("long", "Long", "C", (), {"echo": peers.Program(("sh",), most=2)}),
                  peers.Peer("short", "Short", "C", (), {"echo": peers.Program(("sh",))})]
        running = session.Session(arguments, chosen, building.Builder(pathlib.Path("/nonexistent")))
        with contextlib.redirect_stderr(io.StringIO()):
            rows = running.interleaved("echo", ("1",), lambda program, case: [{"cpu": 1.0}])
        self.assertEqual({"long": 2, "short": 3},
                         {who: sum(each["who"] == who for each in rows)
                          for who in ("long", "short")})

    def looking_at(self, ratios):
        """A WholeCore that finds these ratios, one after the other."""
        made = whole_core.WholeCore(None, 100.0)
        made.ratio = lambda cpu: ratios.pop(0)
        pause, whole_core.PAUSE = whole_core.PAUSE, 0.0
        self.addCleanup(setattr, whole_core, "PAUSE", pause)
        return made

    def test_what_was_measured_on_half_a_core_is_measured_again(self):
        ratios = [0.66, 0.45, 0.66, 0.45, 0.45]  # half, whole, measured, half; whole, measured, whole
        looking, results = self.looking_at(ratios), [1, 2]
        self.assertEqual(2, looking.measured("1", lambda: results.pop(0)))
        self.assertEqual([], ratios)
        self.assertIn("for 1 of 1 measurements", looking.said())

    def test_on_half_a_core_it_is_measured_at_last_and_said(self):
        looking = self.looking_at([0.66, 0.66])
        looking.left = 0.0
        self.assertEqual(7, looking.measured("1", lambda: 7))
        self.assertEqual(7, looking.measured("1", lambda: 7))
        self.assertIn("for 0 of 2 measurements", looking.said())

    def test_patience_comes_to_an_end_while_it_waits_for_the_core(self):
        looking = self.looking_at([])
        looking.ratio = lambda cpu: 0.66
        looking.left = 0.001
        self.assertEqual(7, looking.measured("1", lambda: 7))
        self.assertLessEqual(looking.left, 0)
        self.assertIn("for 0 of 1 measurements", looking.said())

    def test_who_cannot_look_at_the_core_takes_it_for_whole_and_says_nothing(self):
        looking = self.looking_at([])

        def fail(_cpu):
            raise machine.Failed("no compiler")

        looking.ratio = fail
        self.assertEqual(7, looking.measured("1", lambda: 7))
        self.assertEqual("", looking.said())

    def test_lines_are_counted_without_blank_ones_and_the_preprocessor_s(self):
        self.assertEqual(2, compilation.count_lines('# 1 "x.cpp"\n\nint a;\n  \n#pragma b\n'))

    def test_the_hello_world_that_is_compiled_is_the_readme_s(self):
        source = (building.ROOT / "bench" / "compile" / "simul_hello.cpp").read_text()
        program = source[source.index("#include"):]
        self.assertIn(f"```cpp\n{program}```", (building.ROOT / "README.md").read_text())

    def test_every_source_that_is_compiled_exists(self):
        for peer in peers.PEERS:
            if "compile" in peer.programs:
                for case in compilation.CASES:
                    command = building.fill(peer.programs["compile"].command,
                                            {"bench": building.ROOT / "bench", "case": case})
                    self.assertTrue(pathlib.Path(command[-1]).is_file(), command[-1])

    def test_idle_connections_are_open_as_long_as_they_are_wanted(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            opened = []

            def send_back():
                for _ in range(3):
                    one = listener.accept()[0]
                    opened.append(one)
                    one.sendall(one.recv(1))

            server = threading.Thread(target=send_back)
            server.start()
            with memory.connections(listener.getsockname()[1], 3):
                server.join()
                self.assertEqual(3, len(opened))
                for one in opened:
                    one.setblocking(False)
                    with self.assertRaises(BlockingIOError):
                        one.recv(1)
            for one in opened:
                one.setblocking(True)
                with self.assertRaises(ConnectionResetError):
                    one.recv(1)
                one.close()

    def test_a_record_has_the_tables_every_row_and_a_plot(self):
        rows = [row("epoll", 10.0), row("simul-epoll", 11.0)]
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "2026-11-21.md"
            record.write(path, ["one", "two"], {"left_out": []}, rows)
            self.assertEqual("one\ntwo\n", path.read_text())
            raw = json.loads(path.with_suffix(".raw.json").read_text())
            self.assertEqual({"left_out": [], "rows": rows}, raw)
            self.assertTrue((path.parent / "2026-11-21-echo.svg").is_file())

    def test_the_report_of_wrk_is_read(self):
        report = ("    Latency Distribution\n     50%  163.00us\n     75%    1.00ms\n"
                  "     99%    2.43ms\n  196140 requests in 1.00s, 20.00MB read\n"
                  "Requests/sec: 194000.50\n")
        self.assertEqual({"requests": 196140, "rate": 194000.5, "p50": 163.0, "p99": 2430.0},
                         plaintext.read_report(report))
        with self.assertRaisesRegex(machine.Failed, "no figures"):
            plaintext.read_report("unable to connect")
        with self.assertRaisesRegex(machine.Failed, "Non-2xx"):
            plaintext.read_report(report + "  Non-2xx or 3xx responses: 7\n")

    def test_a_crawler_that_does_not_count_has_read_what_the_floor_has(self):
        raw = [{"who": who, "case": "", "repetition": 0, "pages": pages, "seconds": 2.0,
                "cpu_seconds": 1.0} for who, pages in (("epoll", 1000), ("wget2", None))]
        settled = crawl.settle(raw, "epoll")
        self.assertEqual([(1.0, 500.0), (1.0, 500.0)],
                         [(each["cpu"], each["rate"]) for each in settled])
        self.assertEqual([], crawl.settle(raw[1:], "epoll"))

    def test_pages_are_counted_in_the_record_of_the_crawl_or_in_what_it_prints(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            self.assertEqual(7, crawl.count_pages('noise\n{"pages": 7}\n', folder))
            self.assertIsNone(crawl.count_pages("noise\n", folder))
            (folder / "pages.jsonl").write_text(
                "".join(json.dumps({"status": status}) + "\n" for status in (200, 404, 200)))
            self.assertEqual(2, crawl.count_pages("", folder))

    @unittest.skipUnless(shutil.which("taskset") and {0, 1} <= os.sched_getaffinity(0),
                         "needs taskset and two cores")
    def test_a_program_that_fails_says_why(self):
        with self.assertRaisesRegex(machine.Failed, "sh ended with 3: oh no"):
            machine.client(["sh", "-c", "echo oh no >&2; exit 3"])
        ran = machine.client(["sh", "-c", "echo '{\"a\": 1}'; exit 3"], may_fail=True)
        self.assertEqual([{"a": 1}], machine.json_lines(ran["output"]))


if __name__ == "__main__":
    unittest.main()
