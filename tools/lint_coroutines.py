#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Finds coroutine code that g++ 12 miscompiles or rejects, before the compiler does it silently.

    tools/lint_coroutines.py [FILE…]

Without files it reads include, src, tests, examples and apps, and the ```cpp blocks of README.md and
docs/. The rules are named like the defects (tests/compiler_probes shows each of them at work):

    GCC1  co_await in a condition, in a coroutine without a local in its outermost scope
    GCC2  co_await behind && or ||, or in an arm of ?:
    GCC3  a lambda with by-value captures, or a designated aggregate, in an awaited expression
    GCC4  ?: in an awaited expression
    GCC5  throw E(co_await …)
    GCC6  co_await inside a braced initialiser
    GCC7  alignas inside a coroutine
    GCC8  a braced list as an argument, or a container built from one, in an awaited expression
    GCC9  co_await inside a statement expression

A finding is excused by `// lint: allow GCCn reason` at the end of its line or on the line above. An
excuse without a reason, or one that excuses nothing, is a finding too.
"""

import pathlib
import re
import sys

import cpp_text

AWAITS = {"co_await", "co_yield"}
COROUTINE_WORDS = AWAITS | {"co_return"}
ASSIGNMENTS = {"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="}
CONTAINERS = {"vector", "deque", "list", "forward_list", "set", "map", "multiset", "multimap",
              "unordered_set", "unordered_map", "array", "initializer_list", "string"}
NOT_A_DECLARATION = COROUTINE_WORDS | {
    "return", "if", "for", "while", "do", "switch", "throw", "goto", "case", "delete", "new",
    "using", "typedef", "static_assert", "break", "continue", "try", "default", "else", "static",
    "constexpr", "struct", "class", "enum", "union", "namespace", "template", "asm", "sizeof"}
MACROS = re.compile(r"(EXPECT|ASSERT)_\w+|SIMUL_(DEBUG_)?ASSERT|assert|CHECK|REQUIRE")
ALLOW = re.compile(r"lint:\s*allow\s+(GCC\d+)\b[ \t:]*(.*)")


class Lint:
    """The findings of one piece of C++ text, as (line, rule, message)."""

    def __init__(self, text, snippet=False):
        source = cpp_text.tokenize(text)
        self.tokens = source.tokens
        self.structure = cpp_text.Structure(self.tokens)
        self.snippet = snippet
        self.found = set()
        self.locals_of = {}
        self._directives(source.directives)
        expressions = {}
        for i, token in enumerate(self.tokens):
            if token.kind != "word":
                continue
            if token.text in AWAITS:
                if not self._is_use(i):
                    continue
                self._await(i)
                begin, end = self._full_expression(i)
                expressions.setdefault((begin, end), i)
            elif token.text == "alignas":
                self._alignas(i)
        for (begin, end), first in expressions.items():
            self._expression(begin, end, first)
        self._excuse(source.comments, text)

    def report(self, i, rule, message):
        self.found.add((self.tokens[i].line, rule, message))

    def _is_use(self, i):
        """False for the name `operator co_await`, and for text outside of any function."""
        if i > 0 and self.tokens[i - 1].text == "operator":
            return False
        if self.structure.function_of(i) is not None:
            return True
        return self.snippet

    # --- the shape of an expression ---------------------------------------------------------

    def _is_container(self, bracket):
        """Do statements lie directly in this bracket?"""
        s = self.structure
        if bracket is None:
            return True
        if self.tokens[bracket].text == "{":
            return s.kind.get(bracket) in (
                "function", "lambda", "block", "statement_expression", "type", "namespace")
        return bool(s.is_control_paren(bracket))

    def _full_expression(self, i):
        """The range of tokens of the full expression, or declaration, around token i."""
        s = self.structure
        inner = i
        while not self._is_container(s.parent[inner]):
            inner = s.parent[inner]
        container = s.parent[inner]
        begin = inner
        while begin - 1 >= 0 and begin - 1 != container:
            before = self.tokens[begin - 1]
            if before.kind == "punct":
                if before.text == ";" or before.text in cpp_text.OPEN:
                    break
                if before.text in cpp_text.CLOSE:
                    opening = s.match.get(begin - 1)
                    if opening is None or s.is_control_paren(opening):
                        break
                    if before.text == "}" and s.kind.get(opening) not in ("init", "lambda"):
                        break
                    begin = opening
                    continue
                if before.text == ":" and self._is_label_colon(begin - 1, container):
                    break
            elif before.text in ("else", "do"):
                break
            begin -= 1
        end = inner
        while end < len(self.tokens):
            token = self.tokens[end]
            if token.kind == "punct":
                if token.text == ";":
                    break
                if token.text in cpp_text.OPEN and end in s.match:
                    if token.text == "{" and s.kind.get(end) == "block":
                        break
                    end = s.match[end] + 1
                    continue
                if token.text in cpp_text.CLOSE:
                    break
            end += 1
        return begin, end

    def _is_label_colon(self, i, container):
        """`case x:`, `default:` and `label:`, but not the colon of ?: or of a range-for."""
        if container is not None and self.tokens[container].text == "(":
            return False
        j = i - 1
        while j >= 0 and j != container:
            text = self.tokens[j].text
            if text == "?":
                return False
            if text in ("case", "default"):
                return True
            if text in (";", "{", "}"):
                break
            j = self.structure.match[j] - 1 if text in (")", "]") and j in self.structure.match \
                else j - 1
        return i - j == 2  # one word before it: a label

    def _own_tokens(self, begin, end, function):
        """Indices in [begin, end) that do not lie in the body of a function within."""
        i = begin
        while i < end:
            yield i
            if self.structure.kind.get(i) in ("lambda", "function") and i != function:
                i = self.structure.match[i]
            i += 1

    # --- rules about one co_await -----------------------------------------------------------

    def _await(self, i):
        s = self.structure
        word = self.tokens[i].text
        function = s.function_of(i)
        level, position = s.parent[i], i
        while level is not None and level != function:
            text = self.tokens[level].text
            control = s.is_control_paren(level)
            self._short_circuit(i, position, level)
            if control and control != "catch":
                self._condition(i, level, control, function)
                return self._throw(i)
            if text == "(" and level > 0 and MACROS.fullmatch(self.tokens[level - 1].text):
                self.report(i, "GCC1", f"{word} inside {self.tokens[level - 1].text}, which makes "
                            "it part of a condition: bind the result to a name first")
                return self._throw(i)
            if text == "{":
                kind = s.kind.get(level)
                if kind == "init":
                    self.report(i, "GCC6", f"{word} inside a braced initialiser: bind the result "
                                "to a name first")
                elif kind == "statement_expression":
                    self.report(i, "GCC9", f"{word} inside a statement expression: use a macro of "
                                "two statements, or exceptions")
                elif kind == "requires":
                    return None
                if kind != "init":
                    if any(s.kind.get(outer) == "statement_expression"
                           for outer in self._outer(level, function)):
                        self.report(i, "GCC9", f"{word} inside a statement expression: use a "
                                    "macro of two statements, or exceptions")
                    return self._throw(i)
            position, level = level, s.parent[level]
        self._short_circuit(i, position, level)
        return self._throw(i)

    def _outer(self, bracket, function):
        bracket = self.structure.parent[bracket]
        while bracket is not None and bracket != function:
            yield bracket
            bracket = self.structure.parent[bracket]

    def _short_circuit(self, i, position, level):
        """Looks left of `position`, among the tokens directly in the bracket `level`."""
        s = self.structure
        word = self.tokens[i].text
        only_question = False
        j = position - 1
        while j >= 0 and j != level:
            token = self.tokens[j]
            text = token.text
            if token.kind == "punct":
                if text in (";", ",") or text in ASSIGNMENTS or text in cpp_text.OPEN:
                    return
                if text in cpp_text.CLOSE:
                    opening = s.match.get(j)
                    if opening is None or s.is_control_paren(opening):
                        return
                    if text == "}" and s.kind.get(opening) not in ("init", "lambda"):
                        return
                    j = opening - 1
                    continue
                if text == "?":
                    self.report(i, "GCC2", f"{word} in an arm of ?: may run when the other arm was "
                                "chosen: use if and else")
                    return
                if text == ":":
                    only_question = True
                elif text in ("&&", "||") and not only_question:
                    following = self.tokens[j + 1].text
                    if following not in (">", ",", ")", "..."):
                        self.report(i, "GCC2", f"{word} on the right of {text} may run although "
                                    "the left side decided: use a nested if")
                        return
            elif text in ("return", "co_return", "throw", "else", "do", "case"):
                return
            j -= 1

    def _condition(self, i, paren, control, function):
        s = self.structure
        begin, end = self._full_expression(i)
        if control == "for":
            semicolons = [j for j in range(paren + 1, s.match[paren])
                          if s.is_punct(j, ";") and s.parent[j] == paren]
            if not semicolons or i < semicolons[0]:
                return  # a range-for, or what is done once before the loop
        if any(self.tokens[j].text == "=" and s.parent[j] == paren for j in range(begin, i)) and \
                self._declares(begin, end):
            return
        if function is None or s.kind.get(function) == "lambda":
            return
        if not self._has_outer_local(function):
            self.report(i, "GCC1", f"{self.tokens[i].text} in the condition of {control}, in a "
                        "coroutine without a local in its outermost scope, traps: bind the result "
                        "to a name first")

    def _has_outer_local(self, function):
        if function not in self.locals_of:
            self.locals_of[function] = any(
                self._declares(begin, end) for begin, end in self._statements(function))
        return self.locals_of[function]

    def _statements(self, function):
        """Ranges of the simple statements that lie directly in a function's body."""
        s = self.structure
        begin = i = function + 1
        while i < s.match[function]:
            text = self.tokens[i].text
            if i in s.match and text in cpp_text.OPEN and self.tokens[i].kind == "punct":
                block = text == "{" and s.kind.get(i) == "block"
                i = s.match[i] + 1
                if block:
                    begin = i
                continue
            if self.tokens[i].kind == "punct" and text == ";":
                yield begin, i
                begin = i + 1
            i += 1

    def _declares(self, begin, end):
        """Is [begin, end) a declaration of a variable: a type, then a name, then =, {, ( or the end?
        """
        s = self.structure
        i = begin
        while s.is_punct(i, "[") and s.is_punct(i + 1, "["):
            i = s.match.get(i, end) + 1
        words = []
        while i < end:
            token = self.tokens[i]
            if token.kind == "word":
                if not words and token.text in NOT_A_DECLARATION:
                    return False
                words.append(i)
                i += 1
            elif token.text == "::":
                if words:
                    words.pop()
                i += 1
            elif token.text == "<":
                depth = 0
                while i < end:
                    depth += {"<": 1, ">": -1}.get(self.tokens[i].text, 0)
                    i += 1
                    if depth == 0:
                        break
            elif token.text in ("&", "&&", "*"):
                i += 1
            elif token.text == "[" and words and self.tokens[words[0]].text in ("auto", "const"):
                return True
            else:
                break
        if len(words) < 2:
            return False
        return i == end or self.tokens[i].text in ("=", "{", "(", "[", ",")

    def _throw(self, i):
        begin, _ = self._full_expression(i)
        if self.tokens[begin].text == "throw":
            self.report(i, "GCC5", f"{self.tokens[i].text} in a throw expression destroys the "
                        "exception early: bind the result to a name first")

    def _alignas(self, i):
        function = self.structure.function_of(i)
        if function is None:
            return
        if any(self.tokens[j].text in COROUTINE_WORDS
               for j in self._own_tokens(function, self.structure.match[function], function)):
            self.report(i, "GCC7", "alignas inside a coroutine: frames are aligned to 16 bytes "
                        "only; keep the object elsewhere")

    # --- rules about everything else in an awaited expression ---------------------------------

    def _expression(self, begin, end, first):
        s = self.structure
        function = s.function_of(first)
        for i in self._own_tokens(begin, end, function):
            token = self.tokens[i]
            if token.kind != "punct":
                continue
            if token.text == "[" and s.is_lambda_introducer(i):
                capture = self._value_capture(i)
                if capture:
                    self.report(i, "GCC3", f"a lambda that captures {capture} by value lives in an "
                                "awaited expression, and may be destroyed twice: name it first, or "
                                "capture by reference")
            elif token.text == "?":
                self._ternary(i, end)
            elif token.text == "{" and s.kind.get(i) == "init":
                self._list(i, begin)

    def _value_capture(self, i):
        """The first by-value capture of the lambda that begins at i, or None."""
        s = self.structure
        end = s.match[i]
        j = i + 1
        while j < end:
            text = self.tokens[j].text
            if text == "=" and self.tokens[j + 1].text in ("]", ","):
                return "everything"
            if text == "*":
                return "*this"
            if text != "&" and text != "this":
                return "'" + self.tokens[j + 1 if text == "..." else j].text + "'"
            while j < end and not (self.tokens[j].text == "," and s.parent[j] == i):
                j = s.match[j] + 1 if j in s.match and self.tokens[j].text in cpp_text.OPEN \
                    else j + 1
            j += 1
        return None

    def _ternary(self, i, end):
        arms, j = [], i + 1
        while j < end and not (self.tokens[j].kind == "punct" and (
                self.tokens[j].text in (",", ";")
                or self.tokens[j].text in cpp_text.CLOSE)):
            arms.append(j)
            j = self.structure.match[j] + 1 if j in self.structure.match else j + 1
        inside = range(i + 1, j)
        if any(self.tokens[k].text in AWAITS for k in inside):
            return  # GCC2 says so
        plain = all(self.tokens[k].kind in ("number", "string", "char") or
                    self.tokens[k].text in (":", "-", "nullptr", "true", "false") for k in arms)
        if not plain:
            self.report(i, "GCC4", "?: in an awaited expression destroys both arms when they are "
                        "objects: choose with if and else first")

    def _list(self, i, begin):
        s = self.structure
        if s.match[i] == i + 1:
            return  # {}
        if s.is_punct(i + 1, "."):
            if self._is_declarator(i, begin):
                return
            self.report(i, "GCC3", "an aggregate built in an awaited expression may be destroyed "
                        "twice: name it first, or give its type a constructor")
            return
        before = self.tokens[i - 1]
        if before.kind == "punct" and before.text in ("(", ",") and \
                s.parent[i] is not None and self.tokens[s.parent[i]].text == "(":
            self.report(i, "GCC8", "a braced list as an argument in an awaited expression: build "
                        "it in a named variable first")
            return
        name = self._type_before(i)
        if name in CONTAINERS and not self._is_declarator(i, begin):
            self.report(i, "GCC8", f"a {name} built from a braced list in an awaited expression: "
                        "build it in a named variable first")

    def _type_before(self, i):
        j = i - 1
        if j >= 0 and self.tokens[j].text in (">", ">>"):
            depth = 0
            while j >= 0:
                depth += {">": 1, ">>": 2, "<": -1}.get(self.tokens[j].text, 0)
                j -= 1
                if depth <= 0:
                    break
        return self.tokens[j].text if j >= 0 and self.tokens[j].kind == "word" else ""

    def _is_declarator(self, i, begin):
        """Is the brace the initialiser of the variable that the statement declares?"""
        return self._declares(begin, i) and self.structure.parent[i] == self.structure.parent[begin]

    # --- macros and excuses -----------------------------------------------------------------

    def _directives(self, directives):
        for line, text in directives:
            if re.match(r"\s*#\s*define", text) and re.search(r"\(\s*(\\\s*)?\{", text) and \
                    "co_await" in text:
                self.found.add((line, "GCC9", "a macro with co_await inside a statement "
                                "expression: use a macro of two statements"))

    def _excuse(self, comments, text):
        lines = text.split("\n")
        for line, comment in comments:
            match = ALLOW.search(comment)
            if match is None:
                continue
            rule, reason = match.groups()
            alone = lines[line - 1].lstrip().startswith("//")
            excused = {entry for entry in self.found
                       if entry[1] == rule and entry[0] == (line + 1 if alone else line)}
            if not reason.strip():
                self.found.add((line, rule, "an excuse needs a reason: lint: allow GCCn reason"))
            elif not excused:
                self.found.add((line, rule, "this excuse excuses nothing: remove it"))
            self.found -= excused


def lint_text(text, snippet=False):
    """Returns the sorted findings in `text` as (line, rule, message)."""
    return sorted(Lint(text, snippet).found)


def lint_file(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".md":
        return lint_text(text)
    found = []
    for first, code in cpp_text.markdown_cpp_blocks(text):
        found += [(first + line - 1, rule, message)
                  for line, rule, message in lint_text(code, snippet=True)]
    return found


def main(arguments):
    root = cpp_text.project_root()
    if arguments:
        paths = [pathlib.Path(argument) for argument in arguments]
    else:
        # The probes show the defects on purpose, and the rejected programs are never run.
        exempt = (root / "tests/compiler_probes", root / "tests/compile_fail")
        paths = [path for path in
                 cpp_text.cpp_files(root, ["include", "src", "tests", "examples", "apps", "bench"])
                 if not any(folder in path.parents for folder in exempt)]
        paths += [path for path in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
                  if path.is_file()]
    count = 0
    for path in paths:
        shown = path.relative_to(root) if path.is_absolute() and root in path.parents else path
        for line, rule, message in lint_file(path):
            print(f"{shown}:{line}: {rule}: {message}")
            count += 1
    print(f"{len(paths)} files, {count} findings")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
