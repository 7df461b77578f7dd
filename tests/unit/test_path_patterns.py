"""Patterns choose the paths that people mean by them."""

from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupstore.engine.path_patterns import compile_patterns, compile_selection

TABLE = [
    # pattern, matched, not matched
    ("app.log", "app.log var/app.log app.log/x a/app.log/b/c", "xapp.log app.log2 appxlog app"),
    ("*.log", "a.log .log var/a.log d.log/x", "a.log2 log"),
    ("?.log", "a.log é.log x/b.log", ".log ab.log"),
    ("/var/log", "var/log var/log/a", "var log x/var/log var/logs"),
    ("/*.log", "a.log a.log/b", "var/a.log"),
    ("var/log", "var/log x/var/log x/var/log/y", "varlog xvar/log var/x/log"),
    ("log/", "log var/log log/a", "logs"),
    ("/var/*/a", "var/x/a var/x/a/b", "var/a var/x/y/a"),
    ("/var/**/a", "var/a var/x/a var/x/y/a/b", "a vara var/xa"),
    ("**/a", "a x/a x/y/a/b", "xa b"),
    ("/var/**", "var/a var/a/b", "var vara"),
    ("**", "a a/b .a", ""),
    ("a**b", "ab axb x/axxb", "a/b"),
    ("[abc].log", "a.log c.log", "d.log ab.log"),
    ("[a-c]x", "ax bx cx", "dx -x"),
    ("[!a-c]x", "dx -x éx", "ax cx x"),
    ("[^a]x", "bx", "ax"),
    ("[]]", "]", "[ a"),
    ("[!]]x", "ax", "]x"),
    ("[a-]", "a -", "b"),
    ("[+--]", "+ , -", ". a"),
    ("[a--]", "[a--]", "a -"),
    ("[z-a]", "[z-a]", "a z"),
    ("[&&~~||]", "& ~ |", "a"),
    (r"[\d]", "\\ d", "1"),
    ("[äö]", "ä ö", "a o"),
    ("[a", "[a", "a"),
    ("[!/]x", "[!/]x", "ax"),
    ("a.(b|c)+$", "a.(b|c)+$", "a.b a.bb"),
    ("a\nb", "a\nb", "a"),
]


@pytest.mark.parametrize(("pattern", "matched", "unmatched"), TABLE, ids=[row[0] for row in TABLE])
def test_a_pattern_matches_what_it_means(pattern: str, matched: str, unmatched: str) -> None:
    """Each pattern matches these paths, and not those."""
    matches = compile_patterns([pattern.encode()])
    assert [path for path in matched.split(" ") if path and not matches(path.encode())] == []
    assert [path for path in unmatched.split(" ") if path and matches(path.encode())] == []


def test_bytes_that_are_no_characters_count_as_one_each() -> None:
    """A question mark, a star and a set see bytes that are not UTF-8, too."""
    for pattern in (b"a?b", b"a*b", b"a[\xfe-\xff]b", b"a[!x]b", b"a\xffb"):
        assert compile_patterns([pattern])(b"a\xffb")
    assert not compile_patterns([b"a??b"])(b"a\xffb")


def test_any_of_several_patterns_is_enough() -> None:
    """Patterns are alternatives; empty ones match nothing."""
    matches = compile_patterns([b"*.gz", b"", b"/", b"/tmp"])
    assert matches(b"a.gz")
    assert matches(b"tmp/x")
    assert not matches(b"a.log")
    assert not compile_patterns([b"", b"//"])(b"a")


LETTERS = st.sampled_from(["a", "b", "*", "?", "[ab]", "[!a]", "-", "."])
PARTS = st.lists(LETTERS, min_size=1, max_size=4).map("".join) | st.just("**")
NAMES = st.text("ab-.", min_size=1, max_size=4)


def naively_matches(pattern: list[str], path: list[str]) -> bool:
    """Match parts one by one, as the words say it: the whole pattern, and anything below."""
    if not pattern:
        return True
    if pattern[0] == "**":
        if len(pattern) == 1:
            return bool(path)
        return any(naively_matches(pattern[1:], path[count:]) for count in range(len(path) + 1))
    if not path or not re.match(fnmatch.translate(pattern[0].replace("**", "*")), path[0]):
        return False
    return naively_matches(pattern[1:], path[1:])


@given(st.booleans(), st.lists(PARTS, min_size=1, max_size=4), st.lists(NAMES, min_size=1))
def test_patterns_match_as_a_naive_matcher_does(
    anchored: bool, pattern: list[str], path: list[str]
) -> None:
    """Any pattern matches as one that compares parts one by one, from the root or any part."""
    text = "/" * anchored + "/".join(pattern)
    starts = range(1 if anchored or pattern[0] == "**" else len(path))
    expected = any(naively_matches(pattern, path[start:]) for start in starts)
    assert compile_patterns([text.encode()])("/".join(path).encode()) == expected


@given(st.binary(max_size=20), st.binary(min_size=1, max_size=20))
def test_any_bytes_are_a_pattern(pattern: bytes, path: bytes) -> None:
    """No pattern fails or warns, whatever bytes it is made of."""
    assert compile_patterns([pattern])(path) in (True, False)


@given(st.lists(NAMES, min_size=1, max_size=4), st.text("ab*?[]!-", max_size=4))
def test_a_path_chooses_itself_and_what_lies_below(parts: list[str], end: str) -> None:
    """A selector spelled like a path chooses that path, even if it looks like a glob."""
    path = ("/".join(parts) + end).encode()
    for selector in (path, b"/" + path, path + b"/"):
        chosen = compile_selection([selector])
        assert chosen(path)
        assert chosen(path + b"/below")


def test_selectors_are_anchored_at_the_root() -> None:
    """A selector without a slash is a path from the root, not a name anywhere."""
    chosen = compile_selection([b"log", b"etc/*.conf"])
    assert chosen(b"log/a")
    assert chosen(b"etc/a.conf")
    assert not chosen(b"var/log")
    assert not chosen(b"x/etc/a.conf")


@pytest.mark.parametrize("selectors", [[], [b"/"], [b""], [b"a", b"/"]], ids=repr)
def test_no_selector_or_the_root_chooses_all(selectors: list[bytes]) -> None:
    """Without selectors, or with the root among them, everything is chosen."""
    assert compile_selection(selectors)(b"any/path")


@pytest.mark.parametrize(
    ("pattern", "path"),
    [(b"*a" * 20 + b"b", b"a" * 250), (b"a/" + b"**/a/" * 20 + b"b", b"/".join([b"a"] * 250))],
)
def test_no_pattern_takes_for_ever(pattern: bytes, path: bytes) -> None:
    """Many stars cost no more than one: trying every way to place them would never end."""
    matches = compile_patterns([pattern])
    assert not matches(path)
    assert matches(path[:-1] + b"b")


def test_a_long_list_of_names_costs_no_more_than_one() -> None:
    """Plain names and paths are looked up, so that a list of 20,000 is no burden to each path."""
    names = [b"name-%d.log" % number for number in range(20_000)]
    paths = [b"/var/log/%d.log" % number for number in range(20_000)]
    matches = compile_patterns([*names, *paths])
    for number in range(20_000):
        assert matches(b"srv/name-%d.log/x" % number)
        assert matches(b"var/log/%d.log/x" % number)
        assert not matches(b"srv/var/log/%d.log" % number)
