"""Choosing paths by name or glob.

A pattern is matched against whole parts of a path. ``*`` and ``?`` stay within a part, ``**`` as a
part stands for any number of parts, ``[…]`` is a set of characters, ``[!…]`` all others. A pattern
that begins with ``/`` is anchored at the root; one with another ``/`` in it may begin at any part;
one without any is matched against single names. What a pattern matches, it matches with all that
lies below; one that ends in ``/**`` matches only what lies below. Characters are those of UTF-8;
of a path that is not UTF-8, each byte that fits nowhere counts as one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

PathMatcher = Callable[[bytes], bool]


def compile_patterns(patterns: Iterable[bytes]) -> PathMatcher:
    """Return a function that tells whether any of ``patterns`` matches a path or a folder above it.

    Paths are relative to the root, as they stand in a manifest; empty patterns are passed over.
    """
    expressions = [_translate(pattern) for pattern in patterns if pattern.strip(b"/")]
    if not expressions:
        return lambda path: False
    search = re.compile("|".join(expressions), re.DOTALL).match
    return lambda path: search(_text(path)) is not None


def compile_selection(selectors: Sequence[bytes]) -> PathMatcher:
    """Return a function that tells whether a path is chosen by ``selectors``; all are if none.

    A selector is a path or a glob from the root, with or without the leading ``/``. One that is
    spelled exactly like a path chooses that path even if it holds glob characters.
    """
    if not selectors:
        return lambda path: True
    exact = frozenset(selector.strip(b"/") for selector in selectors)
    if b"" in exact:
        return lambda path: True
    matches = compile_patterns(b"/" + selector.strip(b"/") for selector in selectors)

    def chosen(path: bytes) -> bool:
        return matches(path) or any(path == name or path.startswith(name + b"/") for name in exact)

    return chosen


def _translate(pattern: bytes) -> str:
    anchored = pattern.startswith((b"/", b"**/"))
    parts = [part for part in _text(pattern).split("/") if part]
    expression = "" if anchored else "(?:[^/]+/)*"
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            expression += ".*" if last else "(?:[^/]+/)*"
        else:
            expression += _translate_part(part) + ("" if last else "/")
    return "(?:" + expression + r"(?:/.*)?\Z)"


def _text(path: bytes) -> str:
    """Return a path as text, in which ``?`` and sets see characters; bytes that are none stay."""
    return path.decode("utf-8", "surrogateescape")


def _translate_part(part: str) -> str:
    expression = ""
    position = 0
    while position < len(part):
        character = part[position]
        position += 1
        if character == "*":
            if not expression.endswith("[^/]*"):
                expression += "[^/]*"
        elif character == "?":
            expression += "[^/]"
        elif character == "[" and (end := _set_end(part, position)):
            expression += _translate_set(part[position : end - 1])
            position = end
        else:
            expression += re.escape(character)
    return expression


def _set_end(part: str, begin: int) -> int:
    """Return where the set that begins at ``begin`` ends, past its ``]``; 0 if it does not."""
    first = begin + (part[begin : begin + 1] in ("!", "^"))
    return part.find("]", first + 1) + 1


def _translate_set(members: str) -> str:
    negated = members[:1] in ("!", "^")
    ranges = ""
    position = int(negated)
    while position < len(members):
        low = high = members[position]
        if members[position + 1 : position + 2] == "-" and position + 2 < len(members):
            high = members[position + 2]
            position += 2
        position += 1
        if low > high:
            return re.escape("[" + members + "]")
        ranges += f"{re.escape(low)}-{re.escape(high)}"
    # A look-ahead keeps a negated set, and a range, from matching the separator.
    return "(?!/)[" + ("^" if negated else "") + ranges + "]"
