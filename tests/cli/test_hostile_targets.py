"""A restore never leaves its target, whatever a manifest says and whatever lies in the way."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import dedupstore
from dedupstore import Overwrite, Repository, RestoreOptions, RestoreReport, Snapshot
from dedupstore.chunking.chunks import Chunks
from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.commit import commit_snapshot
from dedupstore.engine.tree_writer import ManifestWriter
from dedupstore.errors import FormatError
from dedupstore.format.entry import ENTRY_FIXED_BYTES, Content, Entry, EntryType, encode_entry
from dedupstore.format.pieces import Extent, encode_piece
from dedupstore.format.snapshot_record import SnapshotCounts, SnapshotRecord

SECRET = b"what a hostile manifest wants written\n"
PATH_LENGTH_OFFSET = 6


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """Return an empty repository."""
    with dedupstore.init_repository(tmp_path / "repository") as made:
        yield made


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Return a target folder, beside a folder that must stay as it is."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_text("kept")
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


def assert_outside_untouched(target: Path) -> None:
    """Require that nothing beside the target has changed."""
    outside = target.parent / "outside"
    assert {path.name for path in outside.iterdir()} == {"kept"}
    assert (outside / "kept").read_text() == "kept"
    assert {path.name for path in target.parent.iterdir()} == {"outside", "repository", "target"}


def forge(repository: Repository, entries: Sequence[Entry]) -> Snapshot:
    """Store a snapshot whose manifest holds these entries as they are, in this order, unchecked."""
    with repository.session() as session, ChunkWriter(repository, session) as writer:
        [id_] = writer.add_data(Chunks.of_one(memoryview(SECRET)))
        content = Content(0, (Extent(len(SECRET), id_),))
        encoded = b"".join(
            _encode_unchecked(
                replace(entry, content=content, size=len(SECRET))
                if entry.type is EntryType.FILE
                else entry
            )
            for entry in entries
        )
        record = SnapshotRecord(
            repository_id=repository.config.repository_id,
            time=repository.clock.now(),
            set_name="forged",
            host="forged",
            paths=(b"/",),
            tags=(),
            manifest=writer.add_piece(encode_piece(0, encoded)),
            manifest_level=0,
            counts=SnapshotCounts(len(entries), 0, 0, 0, 0),
            previous=None,
            program="forged",
        )
        id_, _ = commit_snapshot(repository, session, writer, record)
    return dedupstore.load_snapshot(repository, id_)


def _encode_unchecked(entry: Entry) -> bytes:
    """Encode an entry whose path the encoder would refuse."""
    honest = encode_entry(replace(entry, path=b"x"))
    longer = struct.pack("<I", len(honest) - 1 + len(entry.path))
    fixed = bytearray(honest[:ENTRY_FIXED_BYTES])
    fixed[:4] = longer
    fixed[PATH_LENGTH_OFFSET : PATH_LENGTH_OFFSET + 2] = struct.pack("<H", len(entry.path))
    return bytes(fixed) + entry.path + honest[ENTRY_FIXED_BYTES + 1 :]


def file(path: bytes) -> Entry:
    """Return the entry of a file."""
    return Entry(path, EntryType.FILE, mode=0o600)


def folder(path: bytes) -> Entry:
    """Return the entry of a folder."""
    return Entry(path, EntryType.DIRECTORY, mode=0o700)


def link(path: bytes, to: bytes) -> Entry:
    """Return the entry of a symbolic link."""
    return Entry(path, EntryType.SYMLINK, mode=0o777, link_target=to)


def restore_over(
    repository: Repository, snapshot: Snapshot, target: Path, overwrite: Overwrite
) -> RestoreReport:
    """Restore a snapshot with a choice of what to do with what exists."""
    return dedupstore.restore(repository, snapshot, target, RestoreOptions(overwrite=overwrite))


HOSTILE_PATHS = [
    b"..",
    b"../outside/new",
    b"a/../../outside/new",
    b"a/..",
    b"./a",
    b".",
    b"/outside/new",
    b"//a",
    b"a//b",
    b"a/",
    b"a\0b",
    b"",
]


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_no_such_path_is_written_into_a_manifest(path: bytes) -> None:
    """The writer of manifests refuses every path that could lead anywhere else."""
    manifest = ManifestWriter(lambda piece: b"")
    with pytest.raises(ValueError, match="path"):
        manifest.add(file(path))


@pytest.mark.parametrize("path", HOSTILE_PATHS)
@pytest.mark.parametrize("dry_run", [False, True])
def test_no_such_path_is_believed(
    repository: Repository, target: Path, path: bytes, dry_run: bool
) -> None:
    """A forged manifest with such a path is damage to restore, ls and check; nothing is written."""
    forged = forge(repository, [file(b"$first"), file(path)])
    with pytest.raises(FormatError):
        dedupstore.restore(repository, forged, target, RestoreOptions(dry_run=dry_run))
    with pytest.raises(FormatError):
        list(dedupstore.list_entries(repository, forged))
    assert not dedupstore.check(repository).ok
    assert_outside_untouched(target)


@pytest.mark.parametrize(
    "paths", [(b"a", b"a"), (b"b", b"a"), (b"a.log", b"a/b"), (b"a/b", b"a")], ids=repr
)
def test_paths_must_ascend(repository: Repository, target: Path, paths: tuple[bytes, ...]) -> None:
    """A manifest that holds a path twice, or goes backwards, is neither written nor believed."""
    manifest = ManifestWriter(lambda piece: b"")
    manifest.add(file(paths[0]))
    with pytest.raises(ValueError, match="order"):
        manifest.add(file(paths[1]))
    forged = forge(repository, [file(path) for path in paths])
    with pytest.raises(FormatError):
        dedupstore.restore(repository, forged, target)
    assert not dedupstore.check(repository).ok


@pytest.mark.parametrize("overwrite", Overwrite)
@pytest.mark.parametrize("to", [b"../outside", b"..", b"../outside/kept", b"/"])
def test_a_link_and_a_file_beneath_it(
    repository: Repository, target: Path, overwrite: Overwrite, to: bytes
) -> None:
    """Nothing is written through a link that the same snapshot has planted before."""
    planted = [link(b"a", to), file(b"a/kept"), folder(b"a/new"), file(b"a/new/deep"), file(b"b")]
    forged = forge(repository, planted)
    report = restore_over(repository, forged, target, overwrite)
    assert {event.path for event in report.failed} == {b"a/kept", b"a/new", b"a/new/deep"}
    assert (target / "b").read_bytes() == SECRET
    assert_outside_untouched(target)


@pytest.mark.parametrize("overwrite", Overwrite)
def test_links_that_lie_in_the_way(
    repository: Repository, target: Path, overwrite: Overwrite
) -> None:
    """Links that were in the target before are never followed, for folders or for files."""
    os.symlink("../outside", target / "a")
    os.symlink("../outside/kept", target / "b")
    os.symlink("../outside/made", target / "c")
    honest = forge(
        repository, [folder(b"a"), file(b"a/kept"), file(b"a/new"), file(b"b"), file(b"c")]
    )
    report = restore_over(repository, honest, target, overwrite)
    assert {event.path for event in report.failed} == {b"a", b"a/kept", b"a/new"}
    replaced = overwrite is not Overwrite.NEVER
    for name in ("b", "c"):
        assert (target / name).is_symlink() is not replaced
    assert_outside_untouched(target)


@pytest.mark.parametrize("overwrite", Overwrite)
def test_other_types_in_the_way(repository: Repository, target: Path, overwrite: Overwrite) -> None:
    """Files where folders should be, and folders where files should be, stay; the rest is done."""
    (target / "folder").write_text("a file")
    (target / "file").mkdir()
    (target / "file" / "inside").write_text("inside")
    (target / "shared").mkdir()
    (target / "shared" / "mine").write_text("mine")
    os.mkfifo(target / "pipe")
    honest = forge(
        repository,
        [
            file(b"file"),
            folder(b"folder"),
            file(b"folder/a"),
            file(b"pipe"),
            folder(b"shared"),
            file(b"shared/new"),
        ],
    )
    report = restore_over(repository, honest, target, overwrite)
    failed = {b"folder", b"folder/a"} | ({b"file"} if overwrite is not Overwrite.NEVER else set())
    assert {event.path for event in report.failed} == failed
    assert (target / "folder").read_text() == "a file"
    assert (target / "file" / "inside").read_text() == "inside"
    assert (target / "shared" / "mine").read_text() == "mine"
    assert (target / "shared" / "new").read_bytes() == SECRET
    assert (target / "pipe").is_file() is (overwrite is not Overwrite.NEVER)
    assert list(target.rglob(".dedupstore-*")) == []


def test_stripping_parts_does_not_lead_out(repository: Repository, target: Path) -> None:
    """Whatever number of parts is dropped, what is left stays below the target."""
    forged = forge(repository, [folder(b"a"), link(b"a/b", b"../../outside"), file(b"c/b/kept")])
    for count in range(4):
        options = RestoreOptions(strip_components=count, overwrite=Overwrite.ALWAYS)
        dedupstore.restore(repository, forged, target, options)
    assert_outside_untouched(target)
