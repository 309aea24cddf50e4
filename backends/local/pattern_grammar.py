"""A regular expression as a grammar for the JSON strings that it fits, with their length between two bounds.

The tree is walked a character at a time (Antimirov's partial derivatives): each state is what may still follow, and
becomes one rule. States from which no text can end are left out, so that a model is never led into one.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backends.local.gbnf import literal
from backends.local.pattern_syntax import (
    ANY,
    Alternatives,
    Anchor,
    Chars,
    Node,
    PatternError,
    Ranges,
    Repeat,
    Series,
    normal,
    parse_pattern,
)

__all__ = ["pattern_rule"]

_MOST_STATES = 4_000
_NOTHING = Series(())
_WHATEVER = Repeat(Chars(ANY), 0, None)
# Up to so many characters beyond ASCII may be spelled as escapes too: vocabularies lack tokens for some.
_FEW = 16


@dataclass(frozen=True, slots=True)
class _State:
    """What may follow, whether anything came before, and how many characters did, as far as that matters."""

    node: Node
    first: bool
    count: int


def pattern_rule(add: Callable[[str, str], str], name: str, pattern: str, least: int, most: int | None) -> str:
    """Add the rules for the characters of a JSON string; return the first one's name. Raises PatternError.

    ``add`` takes a rule's name and body. As JSON Schema has it, the pattern may match anywhere in the text unless it
    is anchored.
    """
    tree = Series((_WHATEVER, parse_pattern(pattern), _WHATEVER))
    states = _reachable(tree, least, most)
    alive = _alive(states, least)
    if not alive or next(iter(states)) not in alive:
        raise PatternError("no text fits it and the lengths")
    names = {state: f"{name}-{number}" for number, state in enumerate(alive)}
    for state in alive:
        followers: dict[_State, list[tuple[int, int]]] = {}
        for ranges, after in states[state]:
            if after in names:
                followers.setdefault(after, []).extend(ranges)
        bodies = [f"{_characters(normal(ranges))} {names[after]}" for after, ranges in followers.items()]
        add(names[state], " | ".join([*bodies, *(['""'] if _may_end(state, least) else [])]))
    return names[next(iter(states))]


def _reachable(tree: Node, least: int, most: int | None) -> dict[_State, list[tuple[Ranges, _State]]]:
    """Every state with what each character leads to; the first one is the beginning."""
    start = _State(tree, True, 0)
    found: dict[_State, list[tuple[Ranges, _State]]] = {start: []}
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        if most is not None and state.count >= most:
            continue
        # Beyond the last length that is looked at, how many came does not matter.
        count = min(state.count + 1, least if most is None else most)
        for ranges, rest in _steps(state.node, state.first):
            after = _State(rest, False, count)
            found[state].append((ranges, after))
            if after not in found:
                if len(found) >= _MOST_STATES:
                    raise PatternError("it is too large, or too large for the lengths beside it")
                found[after] = []
                waiting.append(after)
    return found


def _alive(states: dict[_State, list[tuple[Ranges, _State]]], least: int) -> list[_State]:
    """The states from which a text can end, in the order they were found."""
    before: dict[_State, list[_State]] = {state: [] for state in states}
    for state, steps in states.items():
        for _, after in steps:
            before[after].append(state)
    waiting = [state for state in states if _may_end(state, least)]
    alive = set(waiting)
    while waiting:
        for state in before[waiting.pop()]:
            if state not in alive:
                alive.add(state)
                waiting.append(state)
    return [state for state in states if state in alive]


def _may_end(state: _State, least: int) -> bool:
    return state.count >= least and _fits_empty(state.node, state.first, at_end=True)


def _fits_empty(node: Node, first: bool, *, at_end: bool) -> bool:
    """Whether ``node`` fits no character at all: ``^`` does at the beginning, ``$`` where nothing follows."""
    match node:
        case Chars():
            return False
        case Anchor(start):
            return first if start else at_end
        case Series(parts):
            return all(_fits_empty(part, first, at_end=at_end) for part in parts)
        case Alternatives(options):
            return any(_fits_empty(option, first, at_end=at_end) for option in options)
        case Repeat(inner, least):
            return least == 0 or _fits_empty(inner, first, at_end=at_end)


def _steps(node: Node, first: bool) -> Iterator[tuple[Ranges, Node]]:
    """The characters that may come next, and what may follow each of them."""
    match node:
        case Chars(ranges):
            yield ranges, _NOTHING
        case Series(parts):
            for place, part in enumerate(parts):
                for ranges, rest in _steps(part, first):
                    yield ranges, _series(rest, *parts[place + 1 :])
                if not _fits_empty(part, first, at_end=False):
                    return
        case Alternatives(options):
            for option in options:
                yield from _steps(option, first)
        case Repeat(inner, least, most):
            if most != 0:
                again = Repeat(inner, max(0, least - 1), None if most is None else most - 1)
                for ranges, rest in _steps(inner, first):
                    yield ranges, _series(rest, again)


def _series(*parts: Node) -> Node:
    """``parts`` in a row, in one shape however they came about, so that equal states are found to be equal."""
    flat: list[Node] = []
    for part in parts:
        inner = part.parts if isinstance(part, Series) else (part,)
        flat += [one for one in inner if not (isinstance(one, Repeat) and one.most == 0)]
    return flat[0] if len(flat) == 1 else Series(tuple(flat))


def _characters(ranges: Ranges) -> str:
    """One of the characters, as JSON spells them within a string."""
    plain: list[str] = []
    escaped: list[str] = []
    for low, high in ranges:
        for start, end, is_plain in _split(low, high):
            if is_plain:
                plain.append(_class_part(start, end))
            if not is_plain or (start > 0x7F and end - start < _FEW):
                escaped += [literal(json.dumps(chr(code))[1:-1]) for code in range(start, end + 1)]
    options = [*([f"[{''.join(plain)}]"] if plain else []), *escaped]
    return options[0] if len(options) == 1 else f"({' | '.join(options)})"


def _split(low: int, high: int) -> Iterator[tuple[int, int, bool]]:
    """The range in parts, and whether each may stand in a JSON string as it is."""
    start = low
    while start <= high:
        for first, last in ((0, 0x1F), (0x22, 0x22), (0x5C, 0x5C), (0x7F, 0x7F)):
            if first <= start <= last:
                yield start, min(high, last), False
                start = last + 1
                break
        else:
            end = min([high, *(first - 1 for first in (0x22, 0x5C, 0x7F) if first > start)])
            yield start, end, True
            start = end + 1


def _class_part(low: int, high: int) -> str:
    return _class_character(low) if low == high else f"{_class_character(low)}-{_class_character(high)}"


def _class_character(code: int) -> str:
    if chr(code).isascii():
        return chr(code) if chr(code).isalnum() else f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"
