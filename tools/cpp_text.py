# SPDX-License-Identifier: Apache-2.0
"""C++ text as tokens, brackets and scopes: what the checkers in this folder share.

This is no parser. It knows literals, comments, preprocessor lines and brackets exactly, and what a
brace is for (a function, a type, a block, an initialiser) by looking at the tokens before it. That
is enough for rules about how code is written; where it is not, a rule errs on the side of saying
something, and a line can be excused with a reason.
"""

import dataclasses
import pathlib
import re

TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)
  | (?P<raw>(?:u8|[uUL])?R"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)")
  | (?P<string>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*")
  | (?P<char>(?:u8|[uUL])?'(?:\\.|[^'\\\n])*')
  | (?P<number>\.?\d(?:'?[\w.]|[eEpP][+-])*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<punct><=>|\.\.\.|<<=|>>=|->\*|::|->|\+\+|--|&&|\|\||[-+*/%&|^!=<>]=|<<|\#\#|.)
    """,
    re.VERBOSE | re.DOTALL,
)
DIRECTIVE = re.compile(r"[ \t]*#(?:[^\n\\]|\\.)*", re.DOTALL)


@dataclasses.dataclass
class Token:
    kind: str  # word, number, string, char, punct; comments and directives are kept apart
    text: str
    line: int

    def __repr__(self):
        return f"{self.text}@{self.line}"


@dataclasses.dataclass
class Source:
    tokens: list
    comments: list  # of (line, text)
    directives: list  # of (line, text)


def tokenize(text):
    """Splits `text`. Comments and preprocessor directives are returned apart from the tokens."""
    tokens, comments, directives = [], [], []
    position, line, at_line_start = 0, 1, True
    while position < len(text):
        if at_line_start and (match := DIRECTIVE.match(text, position)):
            directives.append((line, match.group()))
            line += match.group().count("\n")
            position = match.end()
            at_line_start = False
            continue
        match = TOKEN.match(text, position)
        kind, value = match.lastgroup, match.group()
        if kind == "delimiter":
            kind = "raw"
        if kind == "comment":
            comments.append((line, value))
        elif kind == "space":
            at_line_start = at_line_start or "\n" in value
        else:
            tokens.append(Token("string" if kind == "raw" else kind, value, line))
        if kind not in ("space", "comment"):
            at_line_start = False
        line += value.count("\n")
        position = match.end()
    return Source(tokens, comments, directives)


OPEN = {"(": ")", "[": "]", "{": "}"}
CLOSE = {close: open for open, close in OPEN.items()}
CONTROL = {"if", "while", "for", "switch", "catch"}
# Words after which a `[` begins a lambda, although they are words.
BEFORE_LAMBDA = {"return", "co_return", "co_await", "co_yield", "throw", "case", "else", "do", "in"}
AFTER_PARAMETERS = {"const", "volatile", "noexcept", "override", "final", "mutable", "constexpr",
                    "static", "&", "&&", "()", "requires", "[[]]"}


class Structure:
    """Matching brackets of a token list, the bracket around each token, and what braces are for.

    kind[i] of an opening brace is one of: function, lambda, block, statement_expression, type,
    namespace, requires, init.
    """

    def __init__(self, tokens):
        self.tokens = tokens
        self.match = {}
        self.parent = [None] * len(tokens)  # index of the innermost open bracket around a token
        self.kind = {}
        stack = []
        for i, token in enumerate(tokens):
            if token.text in CLOSE and token.kind == "punct":
                if stack and tokens[stack[-1]].text == CLOSE[token.text]:
                    begin = stack.pop()
                    self.match[begin], self.match[i] = i, begin
                self.parent[i] = stack[-1] if stack else None
            else:
                self.parent[i] = stack[-1] if stack else None
                if token.text in OPEN and token.kind == "punct":
                    stack.append(i)
        for i, token in enumerate(tokens):
            if token.text == "{" and token.kind == "punct" and i in self.match:
                self.kind[i] = self._classify(i)

    def is_punct(self, i, text):
        return 0 <= i < len(self.tokens) and self.tokens[i].kind == "punct" \
            and self.tokens[i].text == text

    def is_lambda_introducer(self, i):
        """True for the `[` that begins a lambda."""
        if not self.is_punct(i, "[") or i not in self.match:
            return False
        if self.is_punct(i + 1, "[") or self.is_punct(i - 1, "["):
            return False  # an attribute
        if i == 0:
            return True
        before = self.tokens[i - 1]
        if before.kind == "word":
            if before.text not in BEFORE_LAMBDA:
                return False
        elif before.kind != "punct" or before.text in (")", "]", "}", ">"):
            if not self._closes_control(i - 1) and before.text != "}":
                return False
        after = self.match[i] + 1
        return after < len(self.tokens) and self.tokens[after].text in (
            "(", "{", "<", "mutable", "noexcept", "constexpr", "static", "->", "[", "requires")

    def _closes_control(self, i):
        return self.is_punct(i, ")") and i in self.match and self.is_control_paren(self.match[i])

    def is_control_paren(self, i):
        """True for the `(` of if, while, for, switch or catch; gives the word or False."""
        if not self.is_punct(i, "(") or i == 0:
            return False
        before = self.tokens[i - 1].text
        if before in ("constexpr", "consteval") and i > 1:
            before = self.tokens[i - 2].text
        return before if before in CONTROL else False

    def _header(self, i):
        """The tokens from the start of the statement to the brace i, groups as "()", "[]", "{}".

        Returns a list of (text, index)."""
        result = []
        j = i - 1
        while j >= 0:
            text = self.tokens[j].text
            punct = self.tokens[j].kind == "punct"
            if punct and text in (";", "{", "(", "["):
                break
            if punct and text == "}":
                begin = self.match.get(j)
                if begin is None or self.kind.get(begin) != "init":
                    break
                result.append(("{}", begin))
                j = begin - 1
                continue
            if punct and text in (")", "]"):
                begin = self.match.get(j)
                if begin is None:
                    break
                attribute = text == "]" and self.is_punct(begin + 1, "[")
                result.append(("[[]]" if attribute else "()" if text == ")" else "[]", begin))
                j = begin - 1
                continue
            result.append((text, j))
            j -= 1
        result.reverse()
        return result

    def _classify(self, i):
        header = self._header(i)
        texts = [text for text, _ in header]
        outer = self._enclosing_brace(i)
        inside_function = outer is not None and self.kind.get(outer) in (
            "function", "lambda", "block", "statement_expression")
        before = self.tokens[i - 1] if i > 0 else None

        if before is not None and before.text == "(" and before.kind == "punct":
            return "statement_expression" if self._has_semicolon(i) else "init"
        if self._closes_control(i - 1):
            return "block"
        for k in range(len(header) - 1, -1, -1):  # a lambda?
            text, index = header[k]
            if text == "[]" and self.is_lambda_introducer(index):
                if self._is_declarator_tail(texts[k + 1:]):
                    return "lambda"
                break
        if before is not None and before.text in ("else", "do", "try"):
            return "block" if inside_function or before.text != "try" else "function"
        if "requires" in texts and texts[-1] in ("requires", "()") and (
                texts[-1] == "requires" or texts[-2:-1] == ["requires"]):
            return "requires"
        plain = self._without_template_heads(texts)
        if "namespace" in plain or (plain[:1] == ["extern"] and "()" not in plain):
            return "namespace"
        if any(word in plain for word in ("class", "struct", "union", "enum")) and \
                not ("()" in plain and not inside_function and self._looks_like_function(plain)):
            return "type"
        if not texts:
            # In parentheses or behind an operator it cannot be a block; header is empty only when
            # the token before is one that ends a statement or opens a bracket.
            if before is None or before.text in ("{", "}", ";"):
                return "block" if inside_function or outer is None else \
                    "function" if before is not None and before.text == "}" else "init"
            return "init"
        if texts[-1] == ":" and "()" not in texts:
            return "block"  # behind a label
        if texts[-1] == ":" and inside_function:
            return "block"
        if not inside_function and "()" in plain and self._looks_like_function(plain):
            return "function"
        return "init"

    def _has_semicolon(self, i):
        return any(self.is_punct(j, ";") and self.parent[j] == i
                   for j in range(i + 1, self.match[i]))

    def _enclosing_brace(self, i):
        outer = self.parent[i]
        while outer is not None and self.tokens[outer].text != "{":
            outer = self.parent[outer]
        return outer

    @staticmethod
    def _is_declarator_tail(texts):
        """Could `texts` stand between a lambda's captures and its body?"""
        angle = 0
        for k, text in enumerate(texts):
            if text == "<":
                angle += 1
            elif text == ">":
                angle -= 1
            elif text == ">>":
                angle -= 2
            elif angle <= 0 and text in ("=", ",", "?", ":", "+", "return", "{}", "."):
                return False
            elif angle <= 0 and text == "[]":
                return False
        return True

    @staticmethod
    def _without_template_heads(texts):
        """Drops `template <…>`, so that `class T` in it is not taken for a class."""
        result, k = [], 0
        while k < len(texts):
            if texts[k] == "template" and k + 1 < len(texts) and texts[k + 1] == "<":
                depth, k = 1, k + 2
                while k < len(texts) and depth > 0:
                    depth += {"<": 1, ">": -1, ">>": -2}.get(texts[k], 0)
                    k += 1
                continue
            result.append(texts[k])
            k += 1
        return result

    @staticmethod
    def _looks_like_function(texts):
        """`… name () tail`, where no `=` stands before the parameters."""
        k = texts.index("()")
        if k == 0:
            return False
        operator = "operator" in texts[:k]
        return operator or "=" not in texts[:k]

    def function_of(self, i):
        """Index of the brace that opens the body of the innermost function around i, or None."""
        outer = self.parent[i]
        while outer is not None:
            if self.kind.get(outer) in ("function", "lambda"):
                return outer
            outer = self.parent[outer]
        return None


def markdown_cpp_blocks(text):
    """Yields (first_line, code) of every ```cpp block."""
    lines = text.split("\n")
    begin = None
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if begin is None and re.match(r"```(cpp|c\+\+)\b", stripped):
            begin = number + 1
        elif begin is not None and stripped.startswith("```"):
            yield begin, "\n".join(lines[begin - 1:number - 1])
            begin = None


def project_root():
    return pathlib.Path(__file__).resolve().parent.parent


def cpp_files(root, folders):
    """Every *.hpp and *.cpp below the named folders, sorted."""
    found = []
    for folder in folders:
        for suffix in ("*.hpp", "*.cpp"):
            found += (root / folder).rglob(suffix) if (root / folder).is_dir() else []
    return sorted(found)
