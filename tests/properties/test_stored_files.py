"""Entries that are taken over as they are stored are those that would be made anew."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

import dedupstore
from dedupstore import SnapshotReport
from dedupstore.format.entry import (
    EncodedEntry,
    Entry,
    EntryType,
    encode_entry,
    encode_owners,
    entry_contents,
)
from dedupstore.format.stored_file import StoredFile, stored_files
from log_folder import RACE_SECONDS
from properties.file_trees import Change, changes, log_changes
from stored_values import entries

ROTATED = [
    Change("write", "app.log", size=9000, seed=1),
    Change("cycle", "app.log", size=5000, seed=2),
    Change("cycle", "app.log", size=200_000, seed=3),
    Change("write", "z"),
    Change("hole", "z", size=40, seed=4),
]


def facts_of(entry: Entry) -> tuple[int, ...]:
    """Return what an entry records of a file's status."""
    return (
        entry.mode,
        entry.uid,
        entry.gid,
        entry.mtime_ns,
        entry.ctime_ns,
        entry.size,
        entry.device,
        entry.inode,
    )


@given(st.lists(entries(), min_size=1, max_size=5))
def test_files_are_read_like_all_entries(listed: list[Entry]) -> None:
    """Of any entries, the files are read, equal, and with all chunks that stand in their lists."""
    files = list(stored_files(b"".join(map(encode_entry, listed))))
    expected = [entry for entry in listed if entry.type is EntryType.FILE]
    assert [file.decoded() for file in files] == expected
    for file, entry in zip(files, expected, strict=True):
        contents = entry_contents(entry)
        listed_ids = [e.id for content in contents if not content.level for e in content.extents]
        assert (file.path, list(file.chunk_ids)) == (entry.path, listed_ids)
        assert file.entry is not None or not any(content.level for content in contents)


@given(entries())
def test_an_unchanged_entry_is_what_would_be_written(entry: Entry) -> None:
    """With its own facts and owners any file's entry is unchanged, with any other it is not."""
    assume(entry.type is EntryType.FILE)
    [file] = stored_files(encode_entry(entry))
    facts, owners = facts_of(entry), encode_owners(entry.user, entry.group)
    assert file.unchanged(facts, owners) == EncodedEntry.of(entry)
    for place in range(len(facts)):
        others = (*facts[:place], facts[place] + 1, *facts[place + 1 :])
        assert file.unchanged(others, owners) is None
    for user, group in ((entry.group, entry.user), (b"", entry.group), (entry.user, b"")):
        is_same = (user, group) == (entry.user, entry.group)
        assert (file.unchanged(facts, encode_owners(user, group)) is None) is not is_same


@given(entries(), st.integers(4, 0x7FFF))
def test_fields_of_a_newer_version_are_not_taken_over(entry: Entry, tag: int) -> None:
    """An entry with a field that this version skips is made anew."""
    assume(entry.type is EntryType.FILE and entry.twin is None)
    data = encode_entry(entry) + tag.to_bytes(2, "little") + (1).to_bytes(4, "little") + b"x"
    [file] = stored_files(len(data).to_bytes(4, "little") + data[4:])
    owners = encode_owners(entry.user, entry.group)
    assert file.decoded() == entry
    assert file.unchanged(facts_of(entry), owners) is None


def empty_repository(base: Path) -> dedupstore.Repository:
    """Return a repository with small chunks."""
    return dedupstore.init_repository(base / "repository", chunk_bytes_target=4096)


def manifest_of(repository: dedupstore.Repository, report: SnapshotReport) -> tuple[bytes, int]:
    """Return the id and level of a snapshot's manifest."""
    assert report.snapshot is not None
    record = dedupstore.load_snapshot(repository, report.snapshot).record
    return record.manifest, record.manifest_level


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    made=st.lists(changes() | log_changes(), min_size=1, max_size=12),
    changed=st.lists(changes() | log_changes(), max_size=2),
)
@example(made=ROTATED, changed=[])
def test_taking_over_gives_the_same_manifest(
    made: Sequence[Change], changed: Sequence[Change]
) -> None:
    """Whether entries are taken over as they are stored or made anew, the manifest is the same."""
    with (
        tempfile.TemporaryDirectory() as disk,
        dedupstore.init_repository(
            Path(disk) / "repository", chunk_bytes_target=4096
        ) as repository,
    ):
        logs = Path(disk) / "logs"
        logs.mkdir()
        for change in made:
            change.apply(logs)
        time.sleep(RACE_SECONDS)
        dedupstore.snapshot(repository, [logs])
        for change in changed:
            change.apply(logs)
        time.sleep(RACE_SECONDS)
        with mock.patch.object(StoredFile, "unchanged", return_value=None):
            anew = dedupstore.snapshot(repository, [logs])
        manifest = manifest_of(repository, anew)
        # Both are to go on from the first.
        (Path(repository.location) / "snapshots" / (anew.snapshot or b"").hex()).unlink()
        taken = dedupstore.snapshot(repository, [logs])
        assert manifest_of(repository, taken) == manifest
        assert taken.changes == anew.changes
        counted = ("files", "content_bytes", "twins", "bytes_read", "directories", "symlinks")
        assert all(getattr(taken, name) == getattr(anew, name) for name in counted)
