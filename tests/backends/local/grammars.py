"""Asks our grammars, written in llama.cpp's language, whether they admit a text; no engine is needed."""

import re
from collections.abc import Callable

__all__ = ["Book"]

_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|\[(?:[^]\\]|\\.)*\]|[a-z][\w-]*|\{\d+(?:,\d*)?\}|[()|?*])')
_ESCAPE = re.compile(r"\\(?:x([0-9A-F]{2})|u([0-9A-F]{4})|U([0-9A-F]{8})|(.))")

#: The places where a match that begins at a place may end.
Matcher = Callable[[str, int], frozenset[int]]


class Book:
    """The rules of one grammar, for rules that are not left-recursive."""

    def __init__(self) -> None:
        self._rules: dict[str, str] = {}
        self._matchers: dict[str, Matcher] = {}

    def add(self, name: str, body: str) -> str:
        self._rules[name] = body
        return name

    def __len__(self) -> int:
        return len(self._rules)

    def admits(self, expression: str, text: str) -> bool:
        """Whether the whole ``text`` fits ``expression``."""
        return len(text) in self._matcher(expression)(text, 0)

    def _matcher(self, expression: str) -> Matcher:
        if expression not in self._matchers:
            self._matchers[expression] = _Reader(expression, self._rule).read()
        return self._matchers[expression]

    def _rule(self, name: str) -> Matcher:
        return lambda text, at: self._matcher(self._rules[name])(text, at)


class _Reader:
    def __init__(self, expression: str, rule: Callable[[str], Matcher]) -> None:
        self._tokens = _TOKEN.findall(expression)
        assert not _TOKEN.sub("", expression).strip(), expression
        self._rule = rule

    def read(self) -> Matcher:
        options = [self._series()]
        while self._tokens and self._tokens[0] == "|":
            self._tokens.pop(0)
            options.append(self._series())
        return lambda text, at: frozenset().union(*(option(text, at) for option in options))

    def _series(self) -> Matcher:
        parts: list[Matcher] = []
        while self._tokens and self._tokens[0] not in "|)":
            parts.append(self._repeated(self._one(self._tokens.pop(0))))

        def matcher(text: str, at: int) -> frozenset[int]:
            places = frozenset({at})
            for part in parts:
                places = frozenset().union(*(part(text, place) for place in places))
            return places

        return matcher

    def _one(self, token: str) -> Matcher:
        if token == "(":
            inner = self.read()
            assert self._tokens.pop(0) == ")"
            return inner
        if token.startswith('"'):
            literal = _unescaped(token[1:-1])
            return lambda text, at: frozenset({at + len(literal)} if text.startswith(literal, at) else ())
        if token.startswith("["):
            characters = re.compile("[" + _ESCAPE.sub(lambda found: re.escape(_character(found)), token[1:-1]) + "]")
            return lambda text, at: frozenset({at + 1} if characters.match(text, at) else ())
        return self._rule(token)

    def _repeated(self, inner: Matcher) -> Matcher:
        if not self._tokens or self._tokens[0][0] not in "?*{":
            return inner
        token = self._tokens.pop(0)
        low, _, high = {"?": "0,1", "*": "0,"}.get(token, token[1:-1]).partition(",")
        least, most = int(low), int(high) if high else int(low) if "," not in token and token not in "?*" else 10_000

        def matcher(text: str, at: int) -> frozenset[int]:
            places, found = frozenset({at}), frozenset({at} if least == 0 else ())
            for count in range(1, most + 1):
                places = frozenset().union(*(inner(text, place) for place in places))
                found |= places if count >= least else frozenset()
                if not places or places == {at}:
                    break
            return found

        return matcher


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_character, text)


def _character(found: re.Match[str]) -> str:
    code = found[1] or found[2] or found[3]
    return chr(int(code, 16)) if code else found[4]
