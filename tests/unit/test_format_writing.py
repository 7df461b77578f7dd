"""What writers of the format refuse, and what they do with what it cannot hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dedupstore.format.canonical_json import bytes_to_json, encode_json
from dedupstore.format.codecs import ZstdCompressor, decode_payload
from dedupstore.format.entry import (
    Content,
    Entry,
    EntryType,
    Twin,
    decode_entry,
    encode_entry,
    is_safe_path,
    path_sort_key,
)
from dedupstore.format.pieces import Extent
from dedupstore.limits import PATH_BYTES_MAX, RECIPE_BYTES_MAX, RECIPE_INLINE_BYTES_MAX

FOLDER = Entry(b"var/log", EntryType.DIRECTORY)


@pytest.mark.parametrize(
    "path",
    [b"", b"/", b"/a", b"a/", b"a//b", b".", b"..", b"a/..", b"./a", b"a\0b", b"a" * 65_536],
    ids=repr,
)
def test_an_unsafe_path_is_never_written(path: bytes) -> None:
    """A path that could lead out of a target, or nowhere, is refused before it is stored."""
    assert not is_safe_path(path)
    with pytest.raises(ValueError, match="path"):
        encode_entry(replace(FOLDER, path=path))


@pytest.mark.parametrize(
    "path",
    [b"a", b"...", b"..a", b"a..", b".a/b.", b"-", b"\xff\n\x1b[2J", b"a" * PATH_BYTES_MAX],
    ids=lambda path: repr(path[:20]),
)
def test_any_other_path_is_written(path: bytes) -> None:
    """Names of any bytes are stored as they are, up to the longest."""
    assert decode_entry(memoryview(encode_entry(replace(FOLDER, path=path)))).path == path


def test_an_entry_too_long_to_be_read_is_not_written() -> None:
    """An entry beyond the limit of readers is refused."""
    link = Entry(b"a", EntryType.SYMLINK, link_target=b"t" * (512 * 1024))
    with pytest.raises(ValueError, match="entry"):
        encode_entry(link)


FILE = Entry(b"app.log.2.gz", EntryType.FILE, size=20)
TWIN = Twin(0, bytes(range(32)), b"R")
TOO_LONG = Content(1, (Extent(RECIPE_BYTES_MAX + 1, bytes(range(32))),))


@pytest.mark.parametrize(
    "entry",
    [
        replace(FILE, lineage=FILE.path),
        replace(FILE, lineage=b"/var/log/app.log"),
        replace(FILE, lineage=b"../app.log"),
        replace(FILE, lineage=b"app\0.log"),
        replace(FOLDER, lineage=b"app.log"),
        Entry(b"a", EntryType.SYMLINK, link_target=b"b", lineage=b"app.log"),
    ],
)
def test_an_impossible_lineage_is_never_written(entry: Entry) -> None:
    """A lineage that is no path, leads to the file itself, or is of no file is refused."""
    with pytest.raises(ValueError, match="lineage"):
        encode_entry(entry)


@pytest.mark.parametrize(
    "entry",
    [
        replace(FOLDER, twin=TWIN),
        Entry(b"a", EntryType.SYMLINK, link_target=b"b", twin=TWIN),
        replace(FILE, twin=replace(TWIN, recipe=b"")),
        replace(FILE, twin=replace(TWIN, recipe_content=TOO_LONG)),
        replace(FILE, twin=replace(TWIN, recipe=b"", recipe_content=TOO_LONG)),
        replace(FILE, twin=replace(TWIN, recipe=bytes(RECIPE_INLINE_BYTES_MAX + 1))),
        replace(FILE, twin=replace(TWIN, file_id=bytes(31))),
        replace(FILE, twin=replace(TWIN, plain_bytes=20 * 1032 + 1)),
    ],
)
def test_an_impossible_twin_is_never_written(entry: Entry) -> None:
    """A twin that no reader would take is refused before it is stored."""
    with pytest.raises(ValueError, match=r"twin|recipe|id of|text of"):
        encode_entry(entry)


@pytest.mark.parametrize(
    ("time_ns", "stored_ns"),
    [
        (1 << 63, (1 << 63) - 1),
        (13_569_465_600 * 10**9, (1 << 63) - 1),
        (-(1 << 63) - 1, -(1 << 63)),
        (-1, -1),
    ],
)
def test_times_beyond_64_bits_become_the_nearest(time_ns: int, stored_ns: int) -> None:
    """A file dated 2400 does not end a snapshot: its time is stored as the last there is."""
    entry = replace(FOLDER, mtime_ns=time_ns, ctime_ns=time_ns)
    read = decode_entry(memoryview(encode_entry(entry)))
    assert (read.mtime_ns, read.ctime_ns) == (stored_ns, stored_ns)


def test_a_folder_sorts_before_what_it_holds_and_after_nothing_between() -> None:
    """Paths sort by their parts, whatever bytes stand in names."""
    ordered = [b"a", b"a/b", b"a/b/c", b"a\n", b"a b", b"a-b", b"a.b", b"a0", b"b"]
    shuffled = sorted(ordered, key=len)
    assert shuffled != ordered
    assert sorted(shuffled, key=path_sort_key) == ordered


def test_json_is_readable_by_people() -> None:
    """JSON is indented, sorted, in plain letters, and ends in a newline."""
    text = '{\n  "a": [\n    "é\\n"\n  ],\n  "b": {}\n}\n'
    assert encode_json({"b": {}, "a": ["é\n"]}) == text.encode()


@pytest.mark.parametrize(
    ("value", "reason"), [(float("nan"), "not JSON compliant"), ("\ud800", "surrogates")]
)
def test_json_that_would_not_be_read_is_not_written(value: object, reason: str) -> None:
    """A number that is none and half a surrogate pair are refused by the writer too."""
    with pytest.raises(ValueError, match=reason):
        encode_json({"value": value})


def test_only_bytes_that_are_no_text_become_base64() -> None:
    """A path in UTF-8 is written as text, any other as base64."""
    assert bytes_to_json("é".encode()) == "é"
    assert bytes_to_json(b"\xff") == {"b64": "/w=="}


@pytest.mark.parametrize("level", [1, 3, 19])
def test_a_compressed_payload_declares_its_size(level: int) -> None:
    """What the compressor makes at any level is what a reader of codec 1 asks for."""
    data = b"2026-03-01T12:00:00Z app started\n" * 1000
    for payload_bytes_max in (1, len(data), 4 << 20):
        payload = ZstdCompressor(level, payload_bytes_max).compress(data)
        assert decode_payload(1, payload, len(data)) == data
