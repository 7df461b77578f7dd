"""Restoring gzip files that are stored as their text: as they were, or as the text."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import dedupstore
from dedupstore import FileDamaged, Overwrite, Repository, RestoreOptions, Snapshot
from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.errors import ChunkUnreadable, TextIncomplete
from dedupstore.format.entry import Content, Entry, EntryType
from dedupstore.format.hashing import digest
from dedupstore.format.pieces import Extent
from sample_repository import Tree, log_lines, read_tree
from stored_snapshots import store_content, store_snapshot
from twin_files import gzip_of, twin_entry

TEXT = log_lines(250, seed=1)
OTHER = log_lines(240, seed=2)
NOWHERE = digest(b"a chunk that was never stored")
PLAIN = RestoreOptions(plain=True)


def logs(writer: ChunkWriter) -> list[Entry]:
    """Store two rotated logs as twins, one with a long recipe, and a plain one beside them."""
    short = OTHER[:1000]
    return [
        Entry(b"log", EntryType.DIRECTORY, mode=0o755),
        Entry(
            b"log/app.log.2",
            EntryType.FILE,
            mode=0o600,
            size=len(short),
            content=store_content(writer, short),
        ),
        twin_entry(writer, b"log/app.log.2.gz", TEXT, long_recipe=True),
        twin_entry(writer, b"log/app.log.3.gz", OTHER),
    ]


AS_THEY_WERE: Tree = {
    "log/app.log.2": OTHER[:1000],
    "log/app.log.2.gz": gzip_of(TEXT),
    "log/app.log.3.gz": gzip_of(OTHER),
}
AS_TEXT: Tree = {
    "log/app.log.2": OTHER[:1000],
    "log/app.log.2.plain": TEXT,
    "log/app.log.3": OTHER,
}


def damaged_logs(writer: ChunkWriter) -> list[Entry]:
    """Store the same, with one chunk of a twin's text missing."""
    *others, entry = logs(writer)
    extents = list(entry.content.extents)
    extents[2] = Extent(extents[2].extent_bytes, NOWHERE)
    return [*others, replace(entry, content=Content(0, tuple(extents)))]


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """Return an empty repository."""
    with dedupstore.init_repository(tmp_path / "repository") as made:
        yield made


@pytest.fixture
def snapshot(repository: Repository) -> Snapshot:
    """Return a snapshot with twins."""
    return store_snapshot(repository, logs)


@pytest.fixture
def damaged(repository: Repository) -> Snapshot:
    """Return a snapshot of which one twin has lost a chunk of its text."""
    return store_snapshot(repository, damaged_logs)


def tar_of(
    repository: Repository, snapshot: Snapshot, *, plain: bool
) -> tuple[Tree, dedupstore.RestoreReport]:
    """Return the files of a tar of a snapshot, and what was said about it."""
    output = io.BytesIO()
    report = dedupstore.restore_tar(repository, snapshot, output, plain=plain)
    output.seek(0)
    with tarfile.open(fileobj=output) as tar:
        files = {member.name: tar.extractfile(member) for member in tar if member.isfile()}
        return {name: file.read() for name, file in files.items() if file}, report


@pytest.mark.parametrize(("plain", "expected"), [(False, AS_THEY_WERE), (True, AS_TEXT)])
def test_twins_are_restored(
    repository: Repository, snapshot: Snapshot, tmp_path: Path, plain: bool, expected: Tree
) -> None:
    """A twin comes back byte for byte, or as its text under a name of its own, with its times."""
    target = tmp_path / "target"
    report = dedupstore.restore(repository, snapshot, target, RestoreOptions(plain=plain))
    assert read_tree(target) == expected
    assert report.failed == []
    assert report.restored_bytes == sum(map(len, expected.values()))
    for name in expected.keys() - {"log/app.log.2"}:
        status = (target / name).stat()
        assert (status.st_mtime_ns, status.st_mode & 0o777) == (10**18, 0o640)


@pytest.mark.parametrize(("plain", "expected"), [(False, AS_THEY_WERE), (True, AS_TEXT)])
@pytest.mark.parametrize("held_bytes", [16 << 20, 1000])
def test_a_tar_holds_twins(
    repository: Repository,
    snapshot: Snapshot,
    monkeypatch: pytest.MonkeyPatch,
    plain: bool,
    expected: Tree,
    held_bytes: int,
) -> None:
    """A tar holds the files or their texts, with right lengths, short or too long to be held."""
    monkeypatch.setattr("dedupstore.operations.restore.tar_stream._HELD_BYTES_MAX", held_bytes)
    found, report = tar_of(repository, snapshot, plain=plain)
    assert found == expected
    assert report.restored_bytes == sum(map(len, expected.values()))


@pytest.mark.parametrize("plain", [False, True])
def test_what_is_there_already_is_left(
    repository: Repository, snapshot: Snapshot, tmp_path: Path, plain: bool
) -> None:
    """Going by size and time, a restored twin, or its text, is known for what it is."""
    options = RestoreOptions(plain=plain, overwrite=Overwrite.IF_CHANGED)
    dedupstore.restore(repository, snapshot, tmp_path / "target", options)
    again = dedupstore.restore(repository, snapshot, tmp_path / "target", options)
    assert (again.files, again.skipped) == (0, 3)
    # The text is not taken for the file, nor the other way round.
    other = replace(options, plain=not plain)
    assert dedupstore.restore(repository, snapshot, tmp_path / "target", other).files == 2


@pytest.mark.parametrize(("plain", "expected"), [(False, AS_THEY_WERE), (True, AS_TEXT)])
def test_a_dry_run_counts_what_would_be_written(
    repository: Repository, snapshot: Snapshot, tmp_path: Path, plain: bool, expected: Tree
) -> None:
    """A dry run counts the bytes of the files, or of their texts."""
    options = RestoreOptions(plain=plain, dry_run=True)
    report = dedupstore.restore(repository, snapshot, tmp_path / "target", options)
    assert (report.files, report.restored_bytes) == (3, sum(map(len, expected.values())))
    assert not (tmp_path / "target").exists()


def test_names_do_not_depend_on_what_is_chosen(
    repository: Repository, snapshot: Snapshot, tmp_path: Path
) -> None:
    """A text has the same name in a restore of one file as in one of all, below fewer folders."""
    options = RestoreOptions(paths=(b"**/*.2.gz",), plain=True, strip_components=1)
    dedupstore.restore(repository, snapshot, tmp_path / "target", options)
    assert read_tree(tmp_path / "target") == {"app.log.2.plain": TEXT}


def test_a_damaged_twin_leaves_nothing_that_is_not_proved(
    repository: Repository, damaged: Snapshot, tmp_path: Path
) -> None:
    """Of a twin whose text has lost a chunk no byte is restored; the rest is, and it is said."""
    report = dedupstore.restore(repository, damaged, tmp_path / "target")
    whole = dict(AS_THEY_WERE)
    lost = whole.pop("log/app.log.3.gz")
    assert read_tree(tmp_path / "target") == whole
    [event] = report.failed
    assert isinstance(event, FileDamaged)
    assert (event.path, event.partial) == (b"log/app.log.3.gz", None)
    assert event.missing == ((0, len(lost)),)
    assert "--plain" in event.detail
    found, report = tar_of(repository, damaged, plain=False)
    assert found == whole
    assert [event.path for event in report.failed] == [b"log/app.log.3.gz"]
    assert report.damaged


def test_what_is_left_of_a_damaged_text_is_restored(
    repository: Repository, damaged: Snapshot, tmp_path: Path
) -> None:
    """With --plain, what is left of the text goes beside its name, with holes."""
    report = dedupstore.restore(repository, damaged, tmp_path / "target", PLAIN)
    with_hole = OTHER[:8192] + bytes(4096) + OTHER[12288:]
    expected = {**AS_TEXT, "log/app.log.3.partial": with_hole}
    del expected["log/app.log.3"]
    assert read_tree(tmp_path / "target") == expected
    [event] = report.failed
    assert isinstance(event, FileDamaged)
    assert (event.path, event.partial) == (b"log/app.log.3.gz", b"log/app.log.3.partial")
    assert event.missing == ((8192, 12288),)


def test_cat_gives_the_file_or_its_text(repository: Repository, snapshot: Snapshot) -> None:
    """Cat writes a twin byte for byte, and with ``plain`` its text; of other files the bytes."""

    def written(path: str, *, plain: bool = False) -> bytes:
        output = io.BytesIO()
        count = dedupstore.cat(repository, snapshot, path, output, plain=plain)
        assert count == len(output.getvalue())
        return output.getvalue()

    assert written("/log/app.log.2.gz") == gzip_of(TEXT)
    assert written("/log/app.log.2.gz", plain=True) == TEXT
    assert written("/log/app.log.2", plain=True) == OTHER[:1000]


@pytest.mark.parametrize(
    ("plain", "hint"), [(False, "of which --plain"), (True, "restore it with --plain")]
)
def test_cat_of_a_damaged_twin_says_what_to_do(
    repository: Repository, damaged: Snapshot, plain: bool, hint: str
) -> None:
    """Cat of a twin with a lost chunk fails, and says that the text, or the rest, can be had."""
    output = io.BytesIO()
    with pytest.raises(ChunkUnreadable) as failure:
        dedupstore.cat(repository, damaged, "log/app.log.3.gz", output, plain=plain)
    assert hint in str(failure.value.hint)
    if plain:
        assert output.getvalue() == OTHER[:8192]
    else:
        assert output.getvalue() != gzip_of(OTHER)
        assert gzip_of(OTHER).startswith(output.getvalue())


def test_a_text_that_cannot_be_placed_fails_alone(
    repository: Repository, snapshot: Snapshot, tmp_path: Path
) -> None:
    """Something in the way of one text is told of, and the others are restored."""
    (tmp_path / "target" / "log" / "app.log.3").mkdir(parents=True)
    options = RestoreOptions(plain=True, overwrite=Overwrite.ALWAYS)
    report = dedupstore.restore(repository, snapshot, tmp_path / "target", options)
    assert [event.kind for event in report.failed] == ["unwritable"]
    expected = {name: data for name, data in AS_TEXT.items() if name != "log/app.log.3"}
    assert read_tree(tmp_path / "target") == expected


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_cat_unpacks_what_is_stored_compressed(
    repository: Repository, pack: Callable[[bytes], bytes]
) -> None:
    """Cat with ``plain`` gives the text of a compressed file that is no twin, or what there is."""
    data = pack(TEXT)

    def stored(writer: ChunkWriter) -> list[Entry]:
        return [
            Entry(name, EntryType.FILE, size=len(part), content=store_content(writer, part))
            for name, part in ((b"whole", data), (b"cut", data[: len(data) // 2]))
        ]

    snapshot = store_snapshot(repository, stored)
    output = io.BytesIO()
    assert dedupstore.cat(repository, snapshot, "whole", output, plain=True) == len(TEXT)
    assert output.getvalue() == TEXT
    output = io.BytesIO()
    with pytest.raises(TextIncomplete, match="too early"):
        dedupstore.cat(repository, snapshot, "cut", output, plain=True)
    assert TEXT.startswith(output.getvalue())
    output = io.BytesIO()
    dedupstore.cat(repository, snapshot, "cut", output)
    assert output.getvalue() == data[: len(data) // 2]
