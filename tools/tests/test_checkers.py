# SPDX-License-Identifier: Apache-2.0
"""Each checker finds what it is for in a small made-up project, and lets the right form pass."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

import api_docs
import check_compile_fail
import check_docs
import check_layers
import list_awaitables

SPDX = "// SPDX-License-Identifier: Apache-2.0\n"


class Project(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)


class Layers(Project):
    def setUp(self):
        super().setUp()
        self.write("tools/layers.toml", "[layers]\nbase = []\ncoro = ['base']\nweb = ['base']\n"
                   "[programs]\napps = ['base']\n[confined]\n'liburing.h' = ['src/coro/x']\n")
        self.write("include/simul/base/a.hpp", "#include <vector>\n")
        self.write("include/simul/base/detail/d.hpp", "")
        self.write("include/simul/coro/b.hpp", '#include "simul/base/a.hpp"\n')
        self.write("src/base/private.hpp", "")
        self.write("src/coro/private.hpp", "")

    def check(self, path, text, expected):
        self.write(path, text)
        errors = check_layers.check(self.root)
        if expected is None:
            self.assertEqual([], errors)
        else:
            self.assertEqual(1, len(errors), errors)
            self.assertIn(expected, errors[0])

    def test_downwards_passes(self):
        self.check("src/coro/b.cpp", '#include "simul/coro/b.hpp"\n#include <sys/epoll.h>\n'
                   '#include "private.hpp"\n#include "base/private.hpp"\n', None)

    def test_upwards(self):
        self.check("include/simul/base/up.hpp", '#include "simul/coro/b.hpp"\n',
                   "base may not include coro")

    def test_sideways(self):
        self.check("include/simul/web/s.hpp", '#include "simul/coro/b.hpp"\n',
                   "web may not include coro")

    def test_upwards_to_a_private_header(self):
        self.check("src/base/x.cpp", '#include "coro/private.hpp"\n', "private to coro")

    def test_system_and_third_party_headers_in_a_public_header(self):
        self.check("include/simul/coro/s.hpp", "#include <sys/socket.h>\n", "standard library")

    def test_a_private_header_in_a_public_one(self):
        self.check("include/simul/coro/s.hpp", '#include "coro/private.hpp"\n', '"simul/…" only')

    def test_a_confined_header(self):
        self.check("src/coro/y.cpp", "#include <liburing.h>\n", "belongs into src/coro/x only")
        (self.root / "src/coro/y.cpp").unlink()
        self.check("src/coro/x.cpp", "#include <liburing.h>\n", None)

    def test_an_include_that_does_not_exist(self):
        self.check("src/coro/y.cpp", '#include "simul/base/none.hpp"\n', "does not exist")

    def test_an_include_in_a_comment_is_none(self):
        self.check("include/simul/coro/s.hpp", '// #include <sys/socket.h>\n/*\n#include "x"\n*/\n',
                   None)

    def test_a_layer_without_a_rank(self):
        self.check("include/simul/util/x.hpp", "", "no layer")

    def test_programs_see_public_headers_only(self):
        self.check("apps/x.cpp", '#include "simul/base/detail/d.hpp"\n', "public API only")

    def test_cycles(self):
        self.write("include/simul/base/one.hpp", '#include "simul/base/two.hpp"\n')
        self.check("include/simul/base/two.hpp", '#include "simul/base/one.hpp"\n',
                   "includes itself")

    def test_bodies_in_a_detail_header_are_no_cycle(self):
        self.write("include/simul/base/one.hpp", '#include "simul/base/detail/one.hpp"\n')
        self.check("include/simul/base/detail/one.hpp", '#include "simul/base/one.hpp"\n', None)


OPENING = SPDX + "//\n// simul/base/x.hpp: a header.\n#pragma once\nnamespace simul {\n"
CONTRACT = "/// Waits.\n///\n/// Errors        none.\n/// Cancellation  clean.\n"


class Docs(unittest.TestCase):
    def found(self, code, opening=OPENING):
        return [m for _, m in check_docs.check_header(opening + code + "\n}\n", "simul/base/x.hpp")]

    def assert_good(self, code):
        self.assertEqual([], self.found(code))

    def assert_bad(self, code, text):
        messages = self.found(code)
        self.assertTrue(any(text in message for message in messages), messages)

    def test_openings(self):
        self.assertEqual([], self.found(""))
        self.assertTrue(self.found("", "#pragma once\nnamespace simul {\n"))
        self.assertTrue(self.found("", SPDX + "#pragma once\nnamespace simul {\n"))
        self.assertTrue(self.found("", OPENING.replace("x.hpp", "y.hpp")))

    def test_awaitable_declarations_need_both_labels(self):
        for declaration in (
                "task<> f();", "[[nodiscard]] task<std::vector<int>> f(int x = {});",
                "template <class T> requires c<T> auto f(T&& t) -> detail::f_awaitable<T>;",
                "class c { public: x_awaitable f() const; };",
                "inline sleep_awaitable f() noexcept { return sleep_awaitable{1}; }",
                "class c { public: auto f() { return detail::run_awaitable{x}; } };",
                "class c { public: auto operator co_await() && noexcept { return o{}; } };"):
            with self.subTest(declaration):
                self.assert_bad(declaration, "no label Cancellation and Errors")
        self.assert_bad("/// Waits.\n///\n/// Errors        none.\ntask<> f();",
                        "no label Cancellation")
        self.assert_good(CONTRACT + "task<> f();")
        self.assert_good(CONTRACT + "template <class T>\n[[nodiscard]] task<T> f(T x);")

    def test_what_cannot_be_awaited_needs_none(self):
        self.assert_good("int f(task<> t); void g(); using t = task<>; std::vector<task<>> h();")
        self.assert_good("class c { task<> f(); protected: task<> g(); };")
        self.assert_good("namespace detail { task<> f(); }")
        self.assert_good("template <class T> class task; auto f() { return 1; }")
        self.assert_good("task<>& f();")

    def test_an_overload_may_lean_on_the_documented_one(self):
        self.assert_good(CONTRACT + "task<> f(int x);\ntask<> f(long x);")

    def test_the_class_that_a_function_returns_points_to_the_function(self):
        code = "class f_awaitable { public: auto operator co_await() && { return 1; } };"
        self.assert_good("/// What f returns.\n" + code)
        self.assert_bad("/// Something.\n" + code, "What <function> returns")

    def test_cancellation_begins_with_one_of_three_words(self):
        for word in ("clean", "partial", "completes"):
            self.assert_good(CONTRACT.replace("clean", word) + "task<> f();")
        self.assert_bad(CONTRACT.replace("clean", "cleanly done") + "task<> f();", "does not begin")

    def test_form_of_labels(self):
        self.assert_bad("/// X.\n///\n/// Error         none.\nint f();", "'Error' is no label")
        self.assert_bad("/// X.\n///\n/// Errors    none.\nint f();", "column 15")
        self.assert_bad("/// X.\n///\n/// Errors        none, and\n/// nothing.\nint f();",
                        "does not continue")
        self.assert_good("/// X.\n///\n/// Errors        none, and\n///               more.\nint f();")
        self.assert_bad("/// X.\n///\n/// Threads       any.\n/// Errors        none.\nint f();",
                        "not in the order")
        self.assert_bad("/// X.\n///\n/// Errors        a.\n/// Errors        b.\nint f();", "twice")


class Awaitables(Project):
    def test_names_are_those_that_document_a_cancellation(self):
        self.write("include/simul/base/x.hpp", OPENING + CONTRACT + "task<> f();\n"
                   "class c { public:\n" + CONTRACT + "task<> g();\nvoid h(); };\n"
                   + "namespace detail {\n" + CONTRACT + "task<> i();\n}\n}\n")
        self.assertEqual(["c::g", "f"], api_docs.awaitables(self.root))

    def test_lists_are_compared_both_ways(self):
        listed = list_awaitables.read_list("# comment\nf  # why\n\ng\n")
        self.assertEqual({"f", "g"}, listed)
        self.assertEqual([], list_awaitables.compare({"f", "g"}, listed))
        self.assertEqual(2, len(list_awaitables.compare({"f", "h"}, listed)))


class CompileFail(Project):
    def check(self, text):
        self.write("x.cpp", text)
        return check_compile_fail.check_file(self.root, "g++", self.root / "x.cpp")

    def test_a_case_must_fail_for_the_reason_it_names_and_pass_without_it(self):
        bad = "#ifndef SIMUL_COMPILE_FAIL_CONTROL\nstatic_assert(false, \"too wide\");\n#endif\n"
        self.assertIsNone(self.check("// expect: too wide\n" + bad))
        self.assertIsNone(self.check("// expect(g++): too wide\n// expect(clang): x\n" + bad))
        self.assertIn("without saying", self.check("// expect: too narrow\n" + bad))
        self.assertIn("accepts it", self.check("// expect: too wide\n"))
        self.assertIn("even the control", self.check("// expect: too wide\n#error x\n"))
        self.assertIn("no line", self.check(bad))
        self.assertIn("no line", self.check("// expect(clang): too wide\n" + bad))


class Format(unittest.TestCase):
    def test_the_script_parses(self):
        script = pathlib.Path(__file__).resolve().parent.parent / "check_format.sh"
        self.assertEqual(0, subprocess.run(["bash", "-n", script]).returncode)


if __name__ == "__main__":
    unittest.main()
