# SPDX-License-Identifier: Apache-2.0
"""What the checkers take a brace for decides what they see."""

import unittest

import cpp_text


def kinds(code):
    tokens = cpp_text.tokenize(code).tokens
    structure = cpp_text.Structure(tokens)
    return [structure.kind[i] for i in sorted(structure.kind)]


class Tokens(unittest.TestCase):
    def test_literals_comments_and_directives_are_kept_apart(self):
        source = cpp_text.tokenize(
            '#include "a.hpp"\nint x = 1\'000; // one "two\n  #  define Y \\\n 2\n'
            'auto s = R"x(}")x"; char c = \'"\';')
        self.assertEqual([1, 3], [line for line, _ in source.directives])
        self.assertEqual([(2, '// one "two')], source.comments)
        self.assertEqual(["int", "x", "=", "1'000", ";", "auto", "s", "=", 'R"x(}")x"', ";",
                          "char", "c", "=", "'\"'", ";"], [t.text for t in source.tokens])
        self.assertEqual(5, source.tokens[-1].line)


class Braces(unittest.TestCase):
    def test_namespaces_types_and_functions(self):
        self.assertEqual(["namespace", "type", "function", "function", "block"], kinds(
            "namespace a::b { class c : public d<int> { int f() const noexcept override {}"
            " auto g(T&& t) -> task<int> { if (t) { } } }; }"))
        self.assertEqual(["type", "type"], kinds("enum class e : char { a }; union u { int x; };"))
        self.assertEqual(["function"], kinds("template <class T> requires c<T> T f(T x) { }"))
        self.assertEqual(["type"], kinds("template <class T> class [[nodiscard(\"x\")]] s { };"))

    def test_blocks(self):
        self.assertEqual(["function"] + ["block"] * 7, kinds(
            "void f() { if (a) {} else {} for (;;) {} do {} while (b); try {} catch (...) {} {} }"))
        self.assertEqual(["function", "block", "block"], kinds(
            "void f() { switch (a) { case 1: { } } }"))
        self.assertEqual(["function", "block"], kinds("void f() { if constexpr (a) { } }"))

    def test_initialisers(self):
        self.assertEqual(["function", "init", "init", "init", "init"], kinds(
            "void f() { int a{1}; auto b = s{2}; g({3}); return {4}; }"))
        self.assertEqual(["init"], kinds("int a[] = {1};"))

    def test_lambdas(self):
        for code in ("[] {}", "[&] {}", "[x](int) {}", "[=]() mutable noexcept {}",
                     "[&](auto&& x) -> task<int> {}", "[]<class T>(T) {}"):
            with self.subTest(code):
                self.assertEqual(["function", "lambda"], kinds(f"void f() {{ g({code}); }}"))
                self.assertEqual(["function", "lambda"], kinds(f"void f() {{ auto x = {code}; }}"))
        self.assertEqual(["function", "init"], kinds("void f() { g(a[1], s{2}); }"))
        self.assertEqual(["function", "init"], kinds("void f() { new int[3]{1}; }"))

    def test_requires_and_statement_expressions(self):
        self.assertEqual(["requires"], kinds("template <class T> concept c = requires(T t) { t; };"))
        self.assertEqual(["function", "statement_expression"], kinds("void f() { x = ({ y; }); }"))


class Markdown(unittest.TestCase):
    def test_only_cpp_blocks_are_given_with_their_first_line(self):
        text = "a\n```sh\nx\n```\n```cpp\nint a;\nint b;\n```\n"
        self.assertEqual([(6, "int a;\nint b;")], list(cpp_text.markdown_cpp_blocks(text)))


if __name__ == "__main__":
    unittest.main()
