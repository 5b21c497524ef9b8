# SPDX-License-Identifier: Apache-2.0
import pathlib
import tempfile
import unittest

import check_header_budget

PREPROCESSED = """\
# 0 "<stdin>"
# 1 "/usr/include/stdc-predef.h" 1 3 4
# 1 "include/simul/a.hpp" 1

int own();

# 1 "/usr/include/c++/12/vector" 1 3
int foreign();
   \t
int more();
# 3 "include/simul/a.hpp" 2
int own_again();
# 2 "<stdin>" 2
"""


class HeaderBudget(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("include/simul/a.hpp", "#pragma once\n// A comment.\n\nint a();\nint b();\n")
        self.write("include/simul/b.hpp",
                   '#include <cstddef>\n#include "simul/a.hpp"\n#include "simul/detail/c.hpp"\n'
                   "int d();\n")
        self.write("include/simul/detail/c.hpp", "int c();\n")

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def test_counts_lines_that_say_something(self):
        self.assertEqual((2, 4), check_header_budget.count_lines(PREPROCESSED))

    def test_leaves_out_detail_folders(self):
        self.assertEqual(["simul/a.hpp", "simul/b.hpp"],
                         check_header_budget.public_headers(self.root))

    def test_counts_what_a_header_includes(self):
        measured = check_header_budget.measure(self.root, ["simul/a.hpp", "simul/b.hpp"], 2)
        self.assertEqual((2, 2), measured["simul/a.hpp"])
        own, total = measured["simul/b.hpp"]
        self.assertEqual(4, own)
        self.assertGreater(total, 10)

    def test_says_that_a_header_does_not_compile(self):
        self.write("include/simul/broken.hpp", '#include "simul/none.hpp"\n')
        with self.assertRaisesRegex(RuntimeError, "simul/broken.hpp does not compile alone"):
            check_header_budget.measure(self.root, ["simul/broken.hpp"], 1)

    def test_a_budget_is_read_as_it_was_written(self):
        path = self.root / "budget.txt"
        measured = {"simul/b.hpp": (12, 34567), "simul/longer.hpp": (1, 2)}
        check_header_budget.write_budget(path, measured)
        self.assertEqual(measured, check_header_budget.read_budget(path))
        self.assertEqual({}, check_header_budget.read_budget(self.root / "none.txt"))

    def test_growing_by_a_tenth_passes(self):
        budget = {"h": (1000, 20000)}
        self.assertEqual([], check_header_budget.compare({"h": (1100, 22000)}, budget))
        self.assertEqual([], check_header_budget.compare({"h": (1, 2)}, budget))

    def test_growing_more_does_not(self):
        budget = {"h": (1000, 20000)}
        self.assertEqual(["h: 1101 lines own, the budget is 1000"],
                         check_header_budget.compare({"h": (1101, 22000)}, budget))
        self.assertEqual(["h: 22001 lines in all, the budget is 20000"],
                         check_header_budget.compare({"h": (1000, 22001)}, budget))

    def test_small_headers_may_grow_by_some_lines(self):
        budget = {"h": (10, 100)}
        self.assertEqual([], check_header_budget.compare({"h": (30, 120)}, budget))
        self.assertEqual(1, len(check_header_budget.compare({"h": (31, 120)}, budget)))

    def test_headers_and_budgets_belong_together(self):
        self.assertEqual(["old is in the budget and does not exist", "new has no budget"],
                         check_header_budget.compare({"new": (1, 1)}, {"old": (1, 1)}))


if __name__ == "__main__":
    unittest.main()
