"""Comparing snapshots of gzip files that are stored as their text, or were, or are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import dedupstore
from dedupstore import Repository, SnapshotDiff
from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.format.entry import Entry
from sample_repository import log_lines
from stored_snapshots import store_content, store_snapshot
from twin_files import gzip_of, twin_entry

Maker = Callable[[ChunkWriter], list[Entry]]

TEXT = log_lines(150, seed=1)
MORE = TEXT + log_lines(20, seed=2)


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """Return an empty repository."""
    with dedupstore.init_repository(tmp_path / "repository") as made:
        yield made


def twin(path: bytes, text: bytes) -> Maker:
    """Return what stores a gzip file as its text."""
    return lambda writer: [twin_entry(writer, path, text)]


def raw(path: bytes, text: bytes) -> Maker:
    """Return what stores a gzip file as its own bytes."""

    def make(writer: ChunkWriter) -> list[Entry]:
        content = store_content(writer, gzip_of(text))
        return [replace(twin_entry(writer, path, text), twin=None, content=content)]

    return make


def log(path: bytes, text: bytes, chunk_bytes: int = 4096) -> Maker:
    """Return what stores a log."""

    def make(writer: ChunkWriter) -> list[Entry]:
        content = store_content(writer, text, chunk_bytes)
        return [replace(twin_entry(writer, path, text), twin=None, content=content, size=len(text))]

    return make


SAME: dict[str, list[bytes]] = {}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (twin(b"a.gz", TEXT), twin(b"a.gz", TEXT), SAME),
        (twin(b"a.gz", TEXT), raw(b"a.gz", TEXT), SAME),
        (raw(b"a.gz", TEXT), twin(b"a.gz", TEXT), SAME),
        (twin(b"a.gz", TEXT), twin(b"a.gz", MORE), {"changed": [b"a.gz", b"a.gz"]}),
        (twin(b"a.gz", TEXT), raw(b"a.gz", MORE), {"changed": [b"a.gz", b"a.gz"]}),
        (twin(b"a", TEXT), log(b"a", TEXT), {"changed": [b"a", b"a"]}),
        (log(b"a", TEXT), log(b"a", TEXT, 1000), SAME),
        (log(b"a", TEXT), log(b"a", MORE), {"grown": [b"a", b"a"]}),
        (log(b"a", TEXT, 1000), log(b"a", MORE), {"grown": [b"a", b"a"]}),
        (twin(b"a.gz", TEXT), twin(b"b.gz", TEXT), {"renamed": [b"a.gz", b"b.gz"]}),
        (twin(b"a.gz", TEXT), twin(b"b.gz", MORE), {"added": [b"b.gz"], "removed": [b"a.gz"]}),
        (log(b"a", TEXT), twin(b"a.gz", TEXT), {"added": [b"a.gz"], "removed": [b"a"]}),
    ],
)
def test_files_are_compared_not_what_is_stored_of_them(
    repository: Repository, before: Maker, after: Maker, expected: dict[str, list[bytes]]
) -> None:
    """Equal files are the same however they are stored; that one's text begins with another's is
    no growth of a file, and a compressed log is another file."""
    older, newer = store_snapshot(repository, before), store_snapshot(repository, after)
    found = dedupstore.diff(repository, older, newer)
    assert told(found) == expected


def told(found: SnapshotDiff) -> dict[str, list[bytes]]:
    """Return a diff as the paths before and after in each of its lists."""
    kinds = ("added", "removed", "changed", "renamed", "grown")
    ends = {
        kind: [
            entry.path
            for change in getattr(found, kind)
            for entry in (change.before, change.after)
            if entry is not None
        ]
        for kind in kinds
    }
    return {kind: paths for kind, paths in ends.items() if paths}
