"""What became of files between two snapshots, told as logs live: grown and renamed, too."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.file_reader import read_range
from dedupstore.engine.growth_match import begins_with, have_same_bytes
from dedupstore.engine.repository import Repository
from dedupstore.engine.selection import Selection
from dedupstore.engine.snapshots import Snapshot
from dedupstore.format.entry import Entry, EntryType, path_sort_key
from dedupstore.format.hashing import digest_parts


@dataclass(frozen=True, slots=True)
class PathChange:
    """One path that differs. ``before`` or ``after`` is missing where it was not there."""

    before: Entry | None
    after: Entry | None


@dataclass(slots=True)
class SnapshotDiff:
    """All that differs; each list in path order. What is only newer by its times is the same."""

    added: list[PathChange] = field(default_factory=list)
    removed: list[PathChange] = field(default_factory=list)
    changed: list[PathChange] = field(default_factory=list)
    renamed: list[PathChange] = field(default_factory=list)
    grown: list[PathChange] = field(default_factory=list)


def diff(
    repository: Repository,
    older: Snapshot,
    newer: Snapshot,
    selectors: Sequence[str | bytes] = (),
) -> SnapshotDiff:
    """Compare two snapshots, or what ``selectors`` choose of them.

    A file that has left its path and whose content is found under another one is renamed, even
    if it has grown since.

    Raises:
        PathUnknown: neither snapshot holds anything that is chosen.
        DamageError, UnsupportedFormat, LockTimeout, StorageError: a manifest, or a file that has to
            be read to compare it, cannot be read.
    """
    patterns = [os.fsencode(selector) for selector in selectors]
    selections = Selection(patterns), Selection(patterns)
    result = SnapshotDiff()
    with (
        repository.session(reads=[older.id, newer.id]),
        ChunkReader(repository, salvages=True) as reader,
    ):
        pairs = _pair_up(
            _chosen(selections[0], reader, older), _chosen(selections[1], reader, newer)
        )
        suspects = [pair for pair in pairs if _differs(reader, pair)]
        _sort_out(reader, suspects, result)
    if set(selections[0].unmatched()) & set(selections[1].unmatched()) == set(patterns):
        selections[0].refuse_if_nothing_matched()
    return result


def _chosen(selection: Selection, reader: ChunkReader, snapshot: Snapshot) -> Iterator[Entry]:
    return (entry for entry, chosen in selection.entries(reader, snapshot) if chosen)


def _pair_up(befores: Iterator[Entry], afters: Iterator[Entry]) -> Iterator[PathChange]:
    before, after = next(befores, None), next(afters, None)
    while before is not None or after is not None:
        before_key = path_sort_key(before.path) if before else None
        after_key = path_sort_key(after.path) if after else None
        if after_key is None or (before_key is not None and before_key < after_key):
            yield PathChange(before, None)
            before = next(befores, None)
        elif before_key is None or after_key < before_key:
            yield PathChange(None, after)
            after = next(afters, None)
        else:
            yield PathChange(before, after)
            before, after = next(befores, None), next(afters, None)


def _differs(reader: ChunkReader, pair: PathChange) -> bool:
    before, after = pair.before, pair.after
    if before is None or after is None:
        return True
    if _substance(before) != _substance(after):
        return True
    return not _same_bytes(reader, before, after)


def _substance(entry: Entry) -> tuple[object, ...]:
    return entry.type, entry.size, entry.link_target, entry.mode, entry.uid, entry.gid


def _same_bytes(reader: ChunkReader, before: Entry, after: Entry) -> bool:
    """Tell whether two files have the same bytes; where only one has a twin, the other is read."""
    if before.twin is None and after.twin is None:
        return have_same_bytes(reader, before.content, after.content)
    if before.twin is not None and after.twin is not None:
        return before.twin.file_id == after.twin.file_id
    twin = before.twin or after.twin
    other = after if before.twin else before
    if twin is None or before.size != after.size:
        return False
    return twin.file_id == digest_parts(read_range(reader, other.content, 0, other.size))


def _stored_as(entry: Entry) -> object:
    """Return what is equal for files that are equal and are stored alike."""
    return entry.content if entry.twin is None else entry.twin.file_id


def _sort_out(reader: ChunkReader, suspects: list[PathChange], result: SnapshotDiff) -> None:
    moved = _find_renames(reader, suspects)
    arrived = {after.path: before for before, after in moved}
    left = {before.path for before, _ in moved}
    for pair in suspects:
        before = None if pair.before is None or pair.before.path in left else pair.before
        after = None if pair.after is None or pair.after.path in arrived else pair.after
        if pair.after is not None and pair.after.path in arrived:
            result.renamed.append(PathChange(arrived[pair.after.path], pair.after))
        if before is not None and after is not None:
            grown = _is_file(before) and _is_file(after) and _has_grown(reader, before, after)
            (result.grown if grown else result.changed).append(pair)
        elif after is not None:
            result.added.append(PathChange(None, after))
        elif before is not None:
            result.removed.append(PathChange(before, None))


def _find_renames(reader: ChunkReader, suspects: list[PathChange]) -> list[tuple[Entry, Entry]]:
    """Match files that left their path with files that arrived at one: by inode, then content."""
    apart = [pair for pair in suspects if not _same_inode(pair)]
    befores = [pair.before for pair in apart if pair.before and _is_file(pair.before)]
    afters = [pair.after for pair in apart if pair.after and _is_file(pair.after)]
    by_inode = {(entry.device, entry.inode): entry for entry in befores if entry.inode}
    by_content = {_stored_as(entry): entry for entry in befores if entry.size}
    moved: list[tuple[Entry, Entry]] = []
    taken: set[bytes] = set()
    for after in afters:
        candidates = (by_inode.get((after.device, after.inode)), by_content.get(_stored_as(after)))
        for before in candidates:
            if before is None or before.path in taken or before.path == after.path:
                continue
            if _same_bytes(reader, before, after) or _has_grown(reader, before, after):
                moved.append((before, after))
                taken.add(before.path)
                break
    return moved


def _same_inode(pair: PathChange) -> bool:
    before, after = pair.before, pair.after
    if before is None or after is None:
        return False
    return (before.device, before.inode) == (after.device, after.inode)


def _is_file(entry: Entry) -> bool:
    return entry.type is EntryType.FILE


def _has_grown(reader: ChunkReader, before: Entry, after: Entry) -> bool:
    # What a twin's text begins with says nothing about the bytes of the file.
    stored_plainly = before.twin is None and after.twin is None
    return (
        stored_plainly and bool(before.size) and begins_with(reader, after.content, before.content)
    )
