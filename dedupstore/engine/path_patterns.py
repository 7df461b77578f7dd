"""Choosing paths by name or glob.

A pattern is matched against whole parts of a path. ``*`` and ``?`` stay within a part, ``**`` as a
part stands for any number of parts, ``[…]`` is a set of characters. A pattern that begins with
``/`` is anchored at the root; one with another ``/`` in it may begin at any part; one without any
is matched against single names. What a pattern matches, it matches with all that lies below.
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
    search = re.compile(b"|".join(expressions), re.DOTALL).match
    return lambda path: search(path) is not None


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


def may_hold(selectors: Sequence[bytes]) -> PathMatcher:
    """Return a function that tells whether a folder lies above something named by ``selectors``."""
    above: set[bytes] = set()
    for selector in selectors:
        parts = selector.strip(b"/").split(b"/")
        above.update(b"/".join(parts[:count]) for count in range(1, len(parts)))
    return above.__contains__


def _translate(pattern: bytes) -> bytes:
    anchored = pattern.startswith((b"/", b"**/"))
    parts = [part for part in pattern.split(b"/") if part]
    expression = b"" if anchored else b"(?:[^/]+/)*"
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == b"**":
            expression += b".*" if last else b"(?:[^/]+/)*"
        else:
            expression += _translate_part(part) + (b"" if last else b"/")
    return b"(?:" + expression + rb"(?:/.*)?\Z)"


def _translate_part(part: bytes) -> bytes:
    expression = b""
    position = 0
    while position < len(part):
        character = part[position : position + 1]
        position += 1
        if character == b"*":
            expression += b"[^/]*"
        elif character == b"?":
            expression += b"[^/]"
        elif character == b"[" and (end := _set_end(part, position)):
            expression += _translate_set(part[position : end - 1])
            position = end
        else:
            expression += re.escape(character)
    return expression


def _set_end(part: bytes, begin: int) -> int:
    """Return where the set that begins at ``begin`` ends, past its ``]``; 0 if it does not."""
    first = begin + (part[begin : begin + 1] in (b"!", b"^"))
    return part.find(b"]", first + 1) + 1


def _translate_set(members: bytes) -> bytes:
    negated = members[:1] in (b"!", b"^")
    ranges = members[1:] if negated else members
    escaped = re.sub(rb"([\\\[\]^&~|])", rb"\\\1", ranges)
    # A look-ahead keeps a negated set from matching the separator.
    expression = b"(?!/)[" + (b"^" if negated else b"") + escaped + b"]"
    try:
        re.compile(expression)
    except re.error:
        return re.escape(b"[" + members + b"]")
    return expression
