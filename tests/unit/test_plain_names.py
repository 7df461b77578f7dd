"""Where the texts of compressed files go when they are restored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.snapshots import Snapshot
from dedupstore.engine.tree_writer import ManifestWriter
from dedupstore.format.entry import Entry, EntryType, Twin, path_sort_key
from dedupstore.operations.restore.plain_names import PlainNames
from stored_pieces import StoredPieces
from stored_values import paths

TWIN = Twin(0, bytes(32), b"R")


class _Record:
    """What is asked of a snapshot: where its manifest begins."""

    def __init__(self, manifest: bytes, level: int) -> None:
        self.manifest = manifest
        self.manifest_level = level

    @property
    def record(self) -> _Record:
        """Stand for the snapshot, too."""
        return self


def placed(twins: Iterable[bytes], others: Iterable[bytes] = ()) -> dict[bytes, bytes]:
    """Return where the files of a snapshot go, of which some are twins."""
    entries = [Entry(path, EntryType.FILE, twin=TWIN) for path in twins]
    entries += [Entry(path, EntryType.FILE) for path in others]
    entries.sort(key=lambda entry: path_sort_key(entry.path))
    pieces = StoredPieces()
    writer = ManifestWriter(pieces.store)
    for entry in entries:
        writer.add(entry)
    names = PlainNames(cast(ChunkReader, pieces), cast(Snapshot, _Record(*writer.finish())))
    return {entry.path: names.place(entry)[1] for entry in entries}


@pytest.mark.parametrize(
    ("twins", "others", "expected"),
    [
        ([b"app.log.2.gz"], [], [b"app.log.2"]),
        ([b"app.log.2.gz"], [b"app.log.2"], [b"app.log.2.plain"]),
        ([b"a.gz"], [b"a-1", b"a.1/b"], [b"a"]),
        ([b"a.gz"], [b"a", b"a-1", b"a.1/b"], [b"a.plain"]),
        ([b"a.gz"], [b"a/b/c"], [b"a.plain"]),
        ([b"x/a.gz"], [b"a", b"x/b"], [b"x/a"]),
        ([b"a.gz"], [b"a", b"a.plain"], [b"a.plain-2"]),
        ([b"a.gz"], [b"a", b"a.plain/b", b"a.plain-2"], [b"a.plain-3"]),
        ([b"a.gz", b"a.plain.gz"], [b"a"], [b"a.plain-2", b"a.plain"]),
        ([b"a.gz", b"a.gz.gz"], [], [b"a", b"a.gz.plain"]),
        ([b"a.log"], [], [b"a.log.plain"]),
        ([b".gz", b"x/.gz"], [], [b".gz.plain", b"x/.gz.plain"]),
        ([b"a.tgz", b"a.GZ"], [], [b"a.tgz.plain", b"a.GZ.plain"]),
    ],
)
def test_texts_go_beside_what_there_is(
    twins: list[bytes], others: list[bytes], expected: list[bytes]
) -> None:
    """A text goes under the name without .gz; where that is taken, or there is none, .plain is
    added."""
    found = placed(twins, others)
    assert [found[path] for path in twins] == expected
    assert [found[path] for path in others] == others


@given(
    st.dictionaries(paths(), st.sampled_from([b"", b".gz", b".plain.gz"]), min_size=1), st.data()
)
def test_no_two_files_go_to_one_name(endings: dict[bytes, bytes], data: st.DataObject) -> None:
    """Whatever a snapshot holds, no text takes the name of a file of it, of a folder, or of another
    text."""
    every = sorted({path + ending for path, ending in endings.items()} | set(endings))
    twins = set(data.draw(st.lists(st.sampled_from(every), unique=True)))
    found = placed(twins, set(every) - twins)
    assert len(set(found.values())) == len(every)
    folders = {
        path[:end] for path in every for end in range(len(path)) if path[end : end + 1] == b"/"
    }
    taken = {found[path] for path in twins}
    assert not taken & (set(every) | folders)
