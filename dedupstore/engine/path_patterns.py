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
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile

PathMatcher = Callable[[bytes], bool]

_GLOB_CHARACTERS = re.compile(rb"[*?\[]")


def compile_patterns(patterns: Iterable[bytes]) -> PathMatcher:
    """Return a function that tells whether any of ``patterns`` matches a path or a folder above it.

    Paths are relative to the root, as they stand in a manifest; empty patterns are passed over.
    """
    # Long lists are mostly of plain names and paths, which need no expressions.
    names: set[bytes] = set()
    paths: set[bytes] = set()
    expressions: list[str] = []
    for pattern in patterns:
        parts = [part for part in pattern.split(b"/") if part]
        if not parts:
            continue
        if _GLOB_CHARACTERS.search(pattern):
            expressions.append(_translate(pattern))
        elif pattern.startswith(b"/"):
            paths.add(b"/".join(parts))
        elif len(parts) == 1:
            names.add(parts[0])
        else:
            expressions.append(_translate(pattern))
    search = re.compile("|".join(expressions), re.DOTALL).match if expressions else None

    def matches(path: bytes) -> bool:
        if names and not names.isdisjoint(path.split(b"/")):
            return True
        if paths and not paths.isdisjoint(_path_and_folders(path)):
            return True
        return search is not None and search(_text(path)) is not None

    return matches


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
    return lambda path: matches(path) or not exact.isdisjoint(_path_and_folders(path))


def folder_of_selector(selector: bytes) -> bytes:
    """Return the path that holds, or is, all that ``selector`` can choose; empty for the root."""
    parts = selector.strip(b"/").split(b"/")
    plain = takewhile(lambda part: not _GLOB_CHARACTERS.search(part), filter(None, parts))
    return b"/".join(plain)


def _path_and_folders(path: bytes) -> Iterator[bytes]:
    """Yield a path and every folder above it."""
    yield path
    while b"/" in path:
        path = path.rpartition(b"/")[0]
        yield path


def _translate(pattern: bytes) -> str:
    """Return an expression for a pattern that takes time in proportion to a path's length.

    What lies between two ``**``, or within a part between two ``*``, is looked for once, as far
    left as it is found: atomic groups keep that, since no other place lets more follow.
    """
    groups: list[list[str]] = [[]]
    if not pattern.startswith(b"/"):
        groups.append([])
    for part in (part for part in _text(pattern).split("/") if part):
        if part == "**":
            groups.append([])
        else:
            groups[-1].append(_translate_part(part))
    first, *middle, last = groups if len(groups) > 1 else ([], *groups)
    expression = "".join(part + "/" for part in first)
    for parts in filter(None, middle):
        expression += "(?>(?:[^/]+/)*?" + "".join(part + "/" for part in parts) + ")"
    if len(groups) > 1:
        expression += "(?:[^/]+/)*" if last else ".*"
    return "(?:" + expression + "/".join(last) + r"(?:/.*)?\Z)"


def _text(path: bytes) -> str:
    """Return a path as text, in which ``?`` and sets see characters; bytes that are none stay."""
    return path.decode("utf-8", "surrogateescape")


def _translate_part(part: str) -> str:
    pieces = [""]
    position = 0
    while position < len(part):
        character = part[position]
        position += 1
        if character == "*":
            pieces.append("")
        elif character == "?":
            pieces[-1] += "[^/]"
        elif character == "[" and (end := _set_end(part, position)):
            pieces[-1] += _translate_set(part[position : end - 1])
            position = end
        else:
            pieces[-1] += re.escape(character)
    first, *middle = pieces
    if not middle:
        return first
    last = middle.pop()
    found = "".join(f"(?>[^/]*?{piece})" for piece in middle if piece)
    return f"{first}{found}[^/]*{last}"


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
