# SPDX-License-Identifier: Apache-2.0
"""Public declarations and their doc comments, for check_docs.py and list_awaitables.py."""

import dataclasses
import re

import cpp_text

LABELS = ["Returns", "Errors", "Suspends", "Cancellation", "Threads", "Lifetime", "Complexity",
          "Source"]
LABEL_WIDTH = 14  # columns from the label's first letter to its text
LABEL = re.compile(r"([A-Z][a-z]+)(\s+)(.*)")
SPECIFIERS = {"inline", "constexpr", "consteval", "static", "virtual", "explicit", "extern",
              "constinit", "thread_local", "mutable", "typename", "const", "volatile"}
NO_NAME = {"requires", "decltype", "alignas", "noexcept", "explicit", "sizeof", "if",
           "static_assert", "void"}


@dataclasses.dataclass
class Declaration:
    name: str  # qualified below simul: task_group::run
    kind: str  # function or class
    line: int
    doc: list  # of (line, text behind ///)
    returns: list  # texts of the tokens of a function's return type
    awaits: bool  # a class: has operator co_await; a function: what it returns can be awaited

    def labels(self):
        """The labels of the doc comment as {name: first line of text}."""
        found = {}
        for _, text in self.doc:
            match = LABEL.match(text)
            if match and match.group(1) in LABELS and len(match.group(2)) > 1:
                found[match.group(1)] = match.group(3)
        return found


class Header:
    """The public declarations of one header's text."""

    def __init__(self, text):
        source = cpp_text.tokenize(text)
        self.tokens = source.tokens
        self.structure = cpp_text.Structure(self.tokens)
        self.docs = {line: comment[3:].removeprefix(" ")
                     for line, comment in source.comments if comment.startswith("///")
                     and not comment.startswith("///<")}
        code_lines = {token.line for token in self.tokens}
        for line in list(self.docs):
            if line in code_lines:
                del self.docs[line]  # behind code, not in front of it
        self.declarations = []
        self._scope(0, len(self.tokens), [], None)

    def _scope(self, begin, end, names, owner):
        """Reads the declarations in [begin, end); `owner` is the class around them, if any."""
        i = begin
        public = owner is None or owner[1] == "struct"
        while i < end:
            text = self.tokens[i].text
            if text in ("public", "private", "protected") and self.tokens[i + 1].text == ":":
                public = text == "public"
                i += 2
                continue
            if text == ";":
                i += 1
                continue
            i = self._declaration(i, end, names, owner, public)

    def _declaration(self, i, end, names, owner, public):
        """Reads one declaration and returns the index behind it."""
        s = self.structure
        start, flat = i, []
        while i < end:
            token = self.tokens[i]
            if token.kind == "punct" and token.text == ";":
                i += 1
                break
            if i in s.match and token.kind == "punct" and token.text in cpp_text.OPEN:
                kind = s.kind.get(i)
                if kind == "namespace":
                    name = [t for t in flat if t not in ("inline", "namespace", "::")]
                    hidden = not name or "detail" in name or name == ["std"]
                    if not hidden:
                        inner = [n for n in name if n != "simul"]
                        self._scope(i + 1, s.match[i], names + inner, None)
                    return s.match[i] + 1
                if kind == "type":
                    self._class(start, i, flat, names, public)
                    i = s.match[i] + 1
                    flat = ["{}"]
                    continue
                if kind in ("function", "block"):
                    flat.append("{}")
                    after = s.match[i] + 1
                    if after < end and self.tokens[after].text in (",", "{"):
                        i = after  # a member initialiser list
                        continue
                    self._function(start, flat, names, owner, public, (i, s.match[i]))
                    return after
                attribute = token.text == "[" and s.is_punct(i + 1, "[")
                flat.append("[[]]" if attribute else token.text + cpp_text.OPEN[token.text])
                i = s.match[i] + 1
                continue
            flat.append(token.text)
            i += 1
        if flat and flat[0] != "{}":
            self._function(start, flat, names, owner, public, None)
        return i

    def _doc_before(self, index):
        line = self.tokens[index].line - 1
        doc = []
        while line in self.docs:
            doc.append((line, self.docs[line]))
            line -= 1
        return doc[::-1]

    def _class(self, start, brace, flat, names, public):
        words = cpp_text.Structure._without_template_heads(flat)
        keyword = next((w for w in words if w in ("class", "struct", "union", "enum")), None)
        if keyword in (None, "enum"):
            return
        rest = [w for w in words[words.index(keyword) + 1:] if w not in ("[[]]", "final")]
        name = next((w for w in rest if re.fullmatch(r"\w+", w)), None)
        if name is None or not public:
            return
        end = self.structure.match[brace]
        own = [k for k in range(brace + 1, end - 1) if self.tokens[k].text == "operator"
               and self.tokens[k + 1].text == "co_await"
               and self.structure.parent[k] == brace]
        self.declarations.append(Declaration(
            "::".join(names + [name]), "class", self.tokens[start].line, self._doc_before(start),
            [], bool(own)))
        self._scope(brace + 1, end, names + [name], (name, keyword))

    def _function(self, start, flat, names, owner, public, body):
        if not public or "friend" in flat or "using" in flat or "typedef" in flat \
                or "concept" in flat:
            return
        words = cpp_text.Structure._without_template_heads(flat)
        depth, at = 0, None
        for k, word in enumerate(words):
            if word == "operator":
                return  # operators are described by their class
            if word == "<" and k > 0 and re.fullmatch(r"\w+", words[k - 1]):
                depth += 1
            elif word in (">", ">>") and depth > 0:
                depth = max(0, depth - len(word))
            elif depth == 0 and word == "()" and k > 0 and re.fullmatch(r"[A-Za-z_]\w*", words[k - 1]) \
                    and words[k - 1] not in NO_NAME:
                at = k - 1
                break
            elif word == "=":
                return
        if at is None:
            return
        name = words[at]
        if (owner and name == owner[0]) or (at and words[at - 1] in ("~", "::")):
            return  # a constructor, a destructor, or the body of what was declared before
        returns = [w for w in words[:at] if w not in SPECIFIERS and w != "[[]]"]
        if "->" in words[at:]:
            tail = words[words.index("->", at) + 1:]
            returns = tail[:tail.index("requires")] if "requires" in tail else tail
            returns = [w for w in returns if w != "{}"]
        if "requires" in returns and "->" not in words[at:]:
            returns = returns[returns.index("requires") + 1:]
        self.declarations.append(Declaration(
            "::".join(names + [name]), "function", self.tokens[start].line,
            self._doc_before(start), returns, self._returns_awaitable(returns, body)))

    def _returns_awaitable(self, returns, body):
        if returns in (["auto"], ["decltype", "()"]) and body:
            texts = [token.text for token in self.tokens[body[0]:body[1]]]
            for k, text in enumerate(texts):
                if text == "return":
                    name = 0
                    while re.fullmatch(r"\w+|::", texts[k + 1 + name]):
                        name += 1
                    if name and self._is_awaitable_name(texts[k + name], texts[k + 1 + name]):
                        return True
            return False
        depth, last = 0, None
        for k, word in enumerate(returns):
            if word == "<":
                depth += 1
            elif word in (">", ">>"):
                depth -= len(word)
            elif depth == 0:
                last = k
        if last is None:
            return False
        following = returns[last + 1] if last + 1 < len(returns) else ""
        return self._is_awaitable_name(returns[last], following)

    @staticmethod
    def _is_awaitable_name(name, following):
        return name.endswith("_awaitable") or (name == "task" and following == "<")


def public_headers(root):
    """Headers users include: everything below include/simul outside of detail folders."""
    return [path for path in sorted((root / "include/simul").rglob("*.hpp"))
            if "detail" not in path.parts]


def awaitables(root):
    """Names of the public functions and classes that document a Cancellation, sorted."""
    names = set()
    for path in public_headers(root):
        for declaration in Header(path.read_text(encoding="utf-8")).declarations:
            if "Cancellation" in declaration.labels():
                names.add(declaration.name)
    return sorted(names)
