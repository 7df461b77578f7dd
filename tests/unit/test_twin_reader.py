"""Files that are stored as their text come back as they were, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import dedupstore
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.file_reader import FilePart, LossTally, pieces_of
from dedupstore.engine.twin_reader import as_plain, entry_parts, read_recipe
from dedupstore.errors import ChunkUnreadable, FormatError, UnsupportedFormat
from dedupstore.format.entry import Content, Entry, EntryType, Twin
from dedupstore.format.hashing import digest
from dedupstore.format.pieces import HOLE_ID, Extent
from sample_repository import log_lines
from stored_snapshots import store_content, store_snapshot
from twin_files import gzip_of, twin_entry, twin_of

TEXT = log_lines(250, seed=1)
FILE = gzip_of(TEXT)
NOWHERE = digest(b"a chunk that was never stored")


class Stored:
    """A repository that holds the text, and the file as a twin in ``entry``."""

    def __init__(self, repository: dedupstore.Repository, reader: ChunkReader) -> None:
        self.repository = repository
        self.reader = reader
        self.entry = self.store(long_recipe=False)

    def store(self, *, long_recipe: bool) -> Entry:
        """Store the file as a twin, with its recipe in the entry or in chunks."""
        entries: list[Entry] = []

        def make(writer: ChunkWriter) -> list[Entry]:
            entries.append(twin_entry(writer, b"app.log.2.gz", TEXT, long_recipe=long_recipe))
            return entries

        store_snapshot(self.repository, make)
        return entries[0]

    def store_text(self, text: bytes) -> Content:
        """Store another text and return its chunk list."""
        contents: list[Content] = []

        def make(writer: ChunkWriter) -> list[Entry]:
            contents.append(store_content(writer, text))
            return [Entry(b"text", EntryType.FILE, size=len(text), content=contents[0])]

        store_snapshot(self.repository, make)
        return contents[0]

    def parts(self, entry: Entry, *, plain: bool = False) -> list[FilePart]:
        """Return the parts of a file."""
        return list(entry_parts(self.reader, entry, plain=plain))

    def twin(self) -> Twin:
        """Return the twin of the entry."""
        assert self.entry.twin is not None
        return self.entry.twin


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Stored]:
    """Return a repository with one twin."""
    with (
        dedupstore.init_repository(tmp_path / "repository") as repository,
        ChunkReader(repository) as reader,
    ):
        yield Stored(repository, reader)


def lost_in(parts: list[FilePart], file_bytes: int) -> LossTally:
    """Require that parts add up to a file and end in one that is lost; return what is."""
    assert sum(part.part_bytes for part in parts) == file_bytes
    assert [part.damage is not None for part in parts] == [False] * (len(parts) - 1) + [True]
    tally = LossTally(iter(parts))
    assert list(tally) == parts
    return tally


@pytest.mark.parametrize("long_recipe", [False, True])
def test_a_twin_is_rebuilt(stored: Stored, long_recipe: bool) -> None:
    """A file comes back byte for byte, whether its recipe stands in the entry or in chunks."""
    entry = stored.store(long_recipe=long_recipe)
    assert b"".join(pieces_of(stored.parts(entry))) == FILE
    assert b"".join(pieces_of(stored.parts(entry, plain=True))) == TEXT


def test_the_text_has_an_entry_of_its_own(stored: Stored) -> None:
    """A twin made plain is an ordinary file of its text's length; other files stay as they are."""
    plain = as_plain(stored.entry)
    assert (plain.size, plain.twin, plain.path) == (len(TEXT), None, stored.entry.path)
    assert b"".join(pieces_of(stored.parts(plain))) == TEXT
    assert as_plain(plain) is plain


def test_a_file_that_is_no_twin_is_read_as_it_is(stored: Stored) -> None:
    """Asking for the text of a file that is stored as itself gives the file."""
    entry = Entry(b"a", EntryType.FILE, size=len(TEXT), content=stored.entry.content)
    for plain in (False, True):
        assert b"".join(pieces_of(stored.parts(entry, plain=plain))) == TEXT


def test_another_text_is_told_as_damage(stored: Stored) -> None:
    """A text of the right length that is not the file's own never ends as the file."""
    other = TEXT[:-9] + b"FORGED!!\n"
    wrong = replace(stored.entry, content=stored.store_text(other))
    tally = lost_in(stored.parts(wrong), len(FILE))
    assert isinstance(tally.damage, FormatError)
    assert tally.missing[0].begin < tally.missing[0].end == len(FILE)


def test_another_id_is_told_as_damage(stored: Stored) -> None:
    """What was rebuilt without complaint, but has another BLAKE3, is not the file."""
    wrong = replace(stored.entry, twin=replace(stored.twin(), file_id=digest(b"")))
    tally = lost_in(stored.parts(wrong), len(FILE))
    assert "not the file" in str(tally.damage)


@pytest.mark.parametrize("size", [0, 1, len(FILE) - 1, len(FILE) + 1, (1 << 64) - 1])
def test_another_size_is_told_as_damage(stored: Stored, size: int) -> None:
    """A size that is not that of what is rebuilt is noticed, and never exceeded."""
    tally = lost_in(stored.parts(replace(stored.entry, size=size)), size)
    assert "not the file" in str(tally.damage)


@pytest.mark.parametrize("rest", [b"", b"\0", bytes(40), b"R" * 1000])
def test_a_wrong_recipe_is_told_as_damage(stored: Stored, rest: bytes) -> None:
    """A recipe that goes on as none can gives damage and nothing else."""
    recipe = stored.twin().recipe[:1] + rest
    wrong = replace(stored.entry, twin=replace(stored.twin(), recipe=recipe))
    assert isinstance(lost_in(stored.parts(wrong), len(FILE)).damage, FormatError)


def test_a_newer_recipe_is_refused_and_the_text_is_not(stored: Stored) -> None:
    """A recipe of another version needs a newer program; the text can be had without."""
    newer = replace(stored.entry, twin=replace(stored.twin(), recipe=b"\xffR"))
    with pytest.raises(UnsupportedFormat):
        stored.parts(newer)
    assert b"".join(pieces_of(stored.parts(newer, plain=True))) == TEXT


def test_the_recipe_of_another_file_is_told_as_damage(stored: Stored) -> None:
    """A recipe that is sound, but of another file of the same text, does not pass."""
    other = twin_of(gzip_of(TEXT, level=1))
    wrong = replace(stored.entry, twin=replace(stored.twin(), recipe=other.recipe))
    lost_in(stored.parts(wrong), len(FILE))


def test_a_lost_chunk_of_the_text_loses_the_rest(stored: Stored) -> None:
    """From where the text is lost, so is the file; the text is lost only there."""
    extents = list(stored.entry.content.extents)
    extents[3] = Extent(extents[3].extent_bytes, NOWHERE)
    hit = replace(stored.entry, content=Content(0, tuple(extents)))
    assert isinstance(lost_in(stored.parts(hit), len(FILE)).damage, ChunkUnreadable)
    tally = LossTally(iter(stored.parts(hit, plain=True)))
    for _ in tally:
        pass
    begin = sum(extent.extent_bytes for extent in extents[:3])
    assert tally.missing == [(begin, begin + extents[3].extent_bytes)]


def test_a_lost_chunk_of_the_recipe_loses_the_file_but_not_the_text(stored: Stored) -> None:
    """Without its recipe nothing of a file is given, and all of its text is."""
    twin = replace(stored.twin(), recipe=b"", recipe_content=Content(0, (Extent(20, NOWHERE),)))
    hit = replace(stored.entry, twin=twin)
    [part] = stored.parts(hit)
    assert (part.part_bytes, part.data) == (len(FILE), None)
    assert isinstance(part.damage, ChunkUnreadable)
    assert b"".join(pieces_of(stored.parts(hit, plain=True))) == TEXT


def test_a_recipe_has_no_holes(stored: Stored) -> None:
    """Zeros that stand for nothing stored are no recipe."""
    twin = replace(stored.twin(), recipe=b"", recipe_content=Content(0, (Extent(20, HOLE_ID),)))
    with pytest.raises(FormatError, match="hole"):
        read_recipe(stored.reader, twin)


def test_a_text_may_have_holes(stored: Stored) -> None:
    """Zeros of a text that are stored as a hole are zeros of the file."""
    text = TEXT[:5000] + bytes(30_000) + TEXT[5000:9000]
    data = gzip_of(text)
    head, tail = stored.store_text(text[:5000]), stored.store_text(text[-4000:])
    content = Content(0, (*head.extents, Extent(30_000, HOLE_ID), *tail.extents))
    entry = Entry(b"a.gz", EntryType.FILE, size=len(data), content=content, twin=twin_of(data))
    assert b"".join(pieces_of(stored.parts(entry))) == data
