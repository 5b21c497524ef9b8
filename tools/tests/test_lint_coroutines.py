# SPDX-License-Identifier: Apache-2.0
"""Every rule has code that it finds, and similar code that it lets pass."""

import unittest

import lint_coroutines


def rules(body, before="", kind="task<> f() "):
    code = f"{before}{kind}{{ {body} }}\n"
    return [rule for _, rule, _ in lint_coroutines.lint_text(code)]


class Bad(unittest.TestCase):
    def check(self, rule, *bodies):
        for body in bodies:
            with self.subTest(body):
                self.assertIn(rule, rules(body))

    def test_gcc1_conditions_without_an_outer_local(self):
        self.check(
            "GCC1",
            "if (co_await g()) h();",
            "while (co_await g()) h();",
            "do { h(); } while (co_await g());",
            "for (;co_await g();) h();",
            "switch (co_await g()) { default: h(); }",
            "try { if (co_await g()) h(); } catch (...) {}",
            "{ int x = 1; if (co_await g(x)) h(); }",
            "x = 1; if (co_await g()) h();",
            "static int x = 1; if (co_await g()) h();",
            "if (!co_await g()) co_return;",
            "if constexpr (true) { if ((co_await g()) == 1) h(); }",
            "for (int i = 0; i < co_await g(); ++i) h();",
        )

    def test_gcc1_assertion_macros_are_conditions(self):
        self.check("GCC1", "int x = 1; EXPECT_EQ(co_await g(), 1);", "ASSERT_TRUE(co_await g());",
                   "SIMUL_ASSERT(co_await g(), \"text\");")

    def test_gcc1_in_a_member_function_and_a_template(self):
        self.assertIn("GCC1", rules("if (co_await g()) h();", before="template <class T> ",
                                    kind="auto c<T>::f(T&& t) noexcept -> task<int> "))
        self.assertIn("GCC1", rules("task<> f() const { if (co_await g()) h(); }",
                                    kind="struct s : base<int> "))

    def test_gcc2_short_circuits_and_arms(self):
        self.check(
            "GCC2",
            "int x = 1; bool b = x && co_await g();",
            "int x = 1; if (x || co_await g()) h();",
            "int x = 1; co_return x && !(co_await g());",
            "int x = 1; h(x && co_await g());",
            "int x = 1; int y = x ? co_await g() : 0;",
            "int x = 1; int y = x ? 0 : co_await g();",
            "int x = 1; while (x > 0 && h(1, co_await g())) {}",
        )

    def test_gcc3_captures_by_value(self):
        self.check(
            "GCC3",
            "co_await g([x] { h(x); });",
            "co_await g([=] { h(x); });",
            "co_await g([x = std::move(y)] { h(x); });",
            "co_await g([&a, b] { h(a, b); });",
            "co_await g([*this] { h(); });",
            "co_await g(1, [this, x](int) mutable -> task<> { co_return; });",
            "auto r = co_await g([&, x]() -> task<int> { co_return x; });",
            "co_yield g([x] { h(x); });",
            "co_await g({.name = n});",
            "co_await g(options{.name = n});",
        )

    def test_gcc4_ternaries(self):
        self.check(
            "GCC4",
            "co_await g(x ? a() : b());",
            "std::string s = (x ? a : b) + co_await g();",
            "co_yield x ? a() : b();",
        )

    def test_gcc5_throw(self):
        self.check("GCC5", "throw error(co_await g());", "if (x) throw error{1, co_await g()};")

    def test_gcc6_braced_initialisers(self):
        self.check(
            "GCC6",
            "s x{.a = 1, .b = co_await g()};",
            "s x{a, co_await g()};",
            "auto x = s{co_await g()};",
            "co_return {1, co_await g()};",
        )

    def test_gcc7_alignas(self):
        self.check("GCC7", "alignas(64) int x = 1; co_await g();",
                   "struct alignas(64) s {}; co_return;")

    def test_gcc8_lists(self):
        self.check(
            "GCC8",
            "co_await g({1, 2, 3});",
            "co_await g(a, {1, 2});",
            "co_await g(std::vector<int>{1, 2});",
            "h(co_await g(), std::vector<std::pair<int, int>>{{1, 2}});",
        )

    def test_gcc9_statement_expressions(self):
        self.check("GCC9", "int x = ({ int y = co_await g(); y; });",
                   "h(({ if (x) { y = co_await g(); } y; }));")
        macro = "#define TRY(x) ({ auto r = co_await (x); r; })\n"
        self.assertEqual([("GCC9")], [r for _, r, _ in lint_coroutines.lint_text(macro)])


class Good(unittest.TestCase):
    def check(self, *bodies):
        for body in bodies:
            with self.subTest(body):
                self.assertEqual([], rules(body))

    def test_gcc1(self):
        self.check(
            "bool ok = co_await g(); if (ok) h();",
            "int x = 1; if (co_await g()) h();",
            "std::vector<int> v; while (co_await g()) h();",
            "auto& [a, b] = c; while (co_await g()) h();",
            "const ns::type<int>* p(nullptr); while (co_await g()) h();",
            "if (auto x = co_await g()) h();",
            "while (auto x = co_await g()) h();",
            "for (auto& x : co_await g()) h();",
            "for (int i = co_await g(); i < 3; ++i) h();",
            "auto l = [&]() -> task<> { if (co_await g()) h(); };",
            "if (x) { co_await g(); }",
            "while (true) co_await g();",
            "EXPECT_EQ(x, 1); co_await g();",
            "EXPECT_THROW(run([]() -> task<> { co_await g(); }), error);",
        )

    def test_gcc2(self):
        self.check(
            "auto&& x = co_await g();",
            "if (a && b) co_await g();",
            "bool b = co_await g() && x;",
            "auto x = static_cast<T&&>(co_await g());",
            "for (auto&& x : co_await g()) h();",
            "case_label: co_await g();",
            "switch (x) { case 1: co_await g(); break; default: co_await h(); }",
            "b = x && y; co_await g();",
            "co_await g([](auto&& x) { return x && y; });",
            "co_await g(a && b);",
        )

    def test_gcc3(self):
        self.check(
            "co_await g([&] { h(x); });",
            "co_await g([&x, this] { h(x); });",
            "co_await g([&y = x] { h(y); });",
            "co_await g([] { h(); });",
            "auto l = [x] { h(x); }; co_await g(l);",
            "group.spawn([x]() -> task<> { co_await g(x); }); co_await h();",
            "co_await g([&] { return [x] { h(x); }; });",
            "s x{.a = 1}; co_await g(x);",
            "int y = a[x]; co_await g(a[x]);",
            "co_await g(options{});",
            "co_await g({});",
        )

    def test_gcc4(self):
        self.check(
            "auto s = x ? a() : b(); co_await g(s);",
            "co_await g(x ? 1 : 2);",
            "co_await g(x ? \"yes\" : nullptr);",
            "co_await g([&] { return x ? a() : b(); });",
        )

    def test_gcc5(self):
        self.check("auto x = co_await g(); throw error(x);",
                   "try { co_await g(); } catch (...) { throw; }")

    def test_gcc6(self):
        self.check("auto a = co_await g(); s x{.a = a};",
                   "run(w{[]() -> task<> { co_await g(); }});",
                   "auto x = co_await g(s{1});")

    def test_gcc7(self):
        self.assertEqual([], rules("alignas(64) int x = 1;", kind="int f() "))
        self.assertEqual([], rules("alignas(64) int x; task<> f() { co_return; }",
                                   kind="struct s "))

    def test_gcc8(self):
        self.check(
            "std::vector<int> v{1, 2}; co_await g(v);",
            "for (int x : {1, 2, 3}) co_await g(x);",
            "co_await g(options{5});",
            "co_await g([&] { h({1, 2}); });",
        )

    def test_gcc9(self):
        self.check("int x = ({ int y = 1; y; }); co_await g(x);")
        macro = "#define TRY(v, x) auto v = co_await (x); if (!v) co_return v\n"
        self.assertEqual([], lint_coroutines.lint_text(macro))

    def test_other_text(self):
        self.check(
            "co_await g(); // if (co_await h())",
            "const char* s = \"if (co_await g())\"; co_await g();",
            "auto s = R\"(if (co_await g()))\"; co_await g();",
        )
        self.assertEqual([], lint_coroutines.lint_text(
            "template <class T> concept c = requires(T t) { operator co_await(t); };\n"
            "struct s { auto operator co_await() && noexcept { return w{*this}; } };\n"))


class Excuses(unittest.TestCase):
    def test_an_excuse_with_a_reason_holds_for_its_line_and_for_the_next(self):
        code = "task<> f() {\n  co_await g([n] {});  // lint: allow GCC3 n is an int\n}\n"
        self.assertEqual([], lint_coroutines.lint_text(code))
        code = "task<> f() {\n  // lint: allow GCC3 n is an int\n  co_await g([n] {});\n}\n"
        self.assertEqual([], lint_coroutines.lint_text(code))

    def test_an_excuse_holds_for_one_rule_only(self):
        code = "task<> f() {\n  co_await g([n] {});  // lint: allow GCC4 wrong number\n}\n"
        self.assertEqual(["GCC3", "GCC4"], [r for _, r, _ in lint_coroutines.lint_text(code)])

    def test_an_excuse_needs_a_reason_and_something_to_excuse(self):
        code = "task<> f() {\n  co_await g([n] {});  // lint: allow GCC3\n}\n"
        self.assertEqual(1, len(lint_coroutines.lint_text(code)))
        code = "task<> f() {\n  co_await g();  // lint: allow GCC3 none\n}\n"
        self.assertEqual(1, len(lint_coroutines.lint_text(code)))

    def test_lines_are_those_of_the_file(self):
        code = "/* one\ntwo */\n#define X \\\n  1\ntask<> f() {\n  throw e(co_await g());\n}\n"
        self.assertEqual([(6, "GCC5")], [f[:2] for f in lint_coroutines.lint_text(code)])


class Snippets(unittest.TestCase):
    def test_statements_outside_of_a_function_are_read_too(self):
        code = "auto x = 1;\nco_await g({1, 2});\n"
        self.assertEqual([(2, "GCC8")],
                         [f[:2] for f in lint_coroutines.lint_text(code, snippet=True)])
        self.assertEqual([], lint_coroutines.lint_text("if (co_await g()) h();", snippet=True))


if __name__ == "__main__":
    unittest.main()
