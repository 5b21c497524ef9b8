# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/coming-from: what is missing or made up is found, what is right passes."""

import contextlib
import io
import pathlib
import shutil
import tempfile
import unittest
from unittest import mock

import check_coming_from

HEADER = """// SPDX-License-Identifier: Apache-2.0
//
// simul/io/tcp.hpp: connections. A comment names a ghost.
class tcp_stream {
    static tcp_stream adopt(unique_fd connected);
    void close();
};
"""

TABLE = """
| There | Here | What differs |
| --- | --- | --- |
"""

INVENTORY = """# The inventory

### 1.9 Other things

`ignored`

### 2.1 asyncio

| Python | Meaning | C++ |
| --- | --- | --- |
| `close(now, a|b)` | as `abort` does | `shut` |

`Stream` → `my_stream`, `read`; `wait_readable/writable`, `create_*`, `recv(_into)` → `x`. `last`

### 2.6 aiohttp

`ignored_too`
"""


class Pages(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        self.write("include/simul/io/tcp.hpp", HEADER)
        self.write("include/simul/io/detail/socket.hpp", "class socket;\n")

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def check(self, rows):
        page = "# A page\n" + TABLE + rows + "\n"
        return check_coming_from.check_page(page, check_coming_from.Headers(self.root))

    def assert_good(self, *rows):
        self.assertEqual([], self.check("\n".join(rows)))

    def assert_bad(self, rows, expected):
        errors = self.check(rows)
        self.assertEqual(1, len(errors), errors)
        self.assertIn(expected, errors[0][1])
        self.assertEqual(5 + rows.count("\n"), errors[0][0])

    def test_a_name_and_its_header(self):
        self.assert_good("| `a` | `tcp_stream::adopt` in `io/tcp.hpp` | The same. |",
                         "| `b` | `tcp_stream(unknown)`, `std::mutex` in `io/tcp.hpp` | New. |",
                         "| `c` | nothing: see `close`, `io/tcp.hpp` | Less. |",
                         "| `d` | `io/tcp.hpp` | All of it. |")

    def test_words_without_a_header(self):
        self.assert_good("| `a` | not yet | Use `b`. |", "| `b` | deliberately not | Because. |",
                         "| `c` | not yet: `later` | Soon. |", "| `d` | the language | It has. |")
        self.assert_bad("| `a` | `tcp_stream` | The same. |", "names no header")
        self.assert_bad("| `a` | never | Because. |", "names no header")

    def test_a_name_that_is_not_in_the_header(self):
        self.assert_bad("| `a` | `tcp_stream::bind` in `io/tcp.hpp` | The same. |", "'bind'")
        self.assert_bad("| `a` | not yet; `soon` of `io/tcp.hpp` | The same. |", "'soon'")

    def test_a_name_in_a_comment_of_the_header_is_none(self):
        self.assert_bad("| `a` | `ghost` in `io/tcp.hpp` | The same. |", "'ghost'")

    def test_a_header_that_does_not_exist(self):
        self.assert_bad("| `a` | `udp` in `io/udp.hpp` | The same. |", "no header include/simul/io")

    def test_a_header_that_is_not_public(self):
        self.assert_bad("| `a` | `socket` in `io/detail/socket.hpp` | The same. |", "not public")

    def test_an_empty_cell(self):
        self.assert_bad("| `a` | not yet | |", "'What differs' is empty")
        self.assert_bad("| `a` | | The same. |", "'Here' is empty")

    def test_the_number_of_cells(self):
        self.assert_bad("| `a` | not yet |", "2 cells")
        self.assert_bad("| `a` | not yet | So. | And so. |", "4 cells")
        self.assert_good("| `a|b` | not yet | Either `c|d`, or x \\| y. |")

    def test_a_row_is_for_one_name(self):
        self.assert_bad("| `a`, `b` | not yet | So. |", "one thing")
        self.assert_bad("| a | not yet | So. |", "one thing")

    def test_a_name_has_one_row_in_a_section(self):
        row = "| `a` | not yet | So. |"
        self.assert_bad(row + "\n" + row, "already")
        self.assert_good(row + "\n\n## Another\n" + TABLE + row)

    def test_a_table_with_other_headings(self):
        page = TABLE.replace("There", "Name").strip() + "\n| `a` | not yet | So. |\n"
        errors = check_coming_from.check_page(page, check_coming_from.Headers(self.root))
        self.assertEqual(["the table is not headed by There, Here, What differs"],
                         [message for _, message in errors])

    def test_a_table_in_a_block_of_code_is_none(self):
        self.assert_good("| `a` | not yet | So. |", "", "```text", "| x |", "```")

    def test_a_page_without_a_table(self):
        errors = check_coming_from.check_page("# A page\n", check_coming_from.Headers(self.root))
        self.assertEqual([(1, "there is no table on this page")], errors)

    def test_every_page_must_be_there(self):
        self.write("docs/coming-from/asyncio.md", TABLE + "| `a` | not yet | So. |\n")
        self.assertEqual(["docs/coming-from/trio.md: is missing"],
                         check_coming_from.check(self.root))


class Inventory(unittest.TestCase):
    def missing(self, *names):
        page = TABLE + "".join(f"| `{name}` | not yet | So. |\n" for name in names)
        return [message.split("'")[1] for message in
                check_coming_from.check_inventory(INVENTORY, page, ("2.1",))]

    def test_the_names_of_a_section(self):
        self.assertEqual(
            ["close", "now", "a", "b", "abort", "Stream", "wait_readable", "writable", "create_",
             "recv", "_into", "last"],
            list(check_coming_from.names_of_inventory(INVENTORY, ("2.1",))))

    def test_names_of_rows_cover_those_of_the_inventory(self):
        self.assertEqual([], self.missing(
            "close(now=)", "close(a=b)", "abort", "Stream.last", "loop.wait_readable",
            "wait_writable", "create_server", "recv", "recv_into"))

    def test_a_name_that_has_no_row(self):
        self.assertEqual(["abort", "writable", "create_", "_into"], self.missing(
            "close(now=)", "close(a=b)", "Stream.last", "wait_readable", "create", "recv"))

    def test_without_it_the_check_is_skipped_with_a_message(self):
        for arguments in ([], ["--inventory", "/none/such.md"]):
            said = io.StringIO()
            with mock.patch.object(check_coming_from, "check", return_value=[]) as check, \
                    contextlib.redirect_stdout(said):
                self.assertEqual(0, check_coming_from.main(arguments))
            self.assertIsNone(check.call_args.args[1])
            self.assertIn("inventory: skipped", said.getvalue())
            self.assertTrue(said.getvalue().endswith("coming from: 0 errors\n"))


if __name__ == "__main__":
    unittest.main()
