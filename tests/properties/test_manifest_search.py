"""Finding entries by path gives what going through the whole manifest gives, and reads less."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from dedupstore.engine.manifest_search import ManifestSearch
from dedupstore.engine.path_patterns import compile_selection
from dedupstore.engine.selection import Selection
from dedupstore.engine.snapshots import Snapshot
from dedupstore.format.entry import Entry, EntryType, encode_entry, path_sort_key
from dedupstore.format.pieces import Extent, encode_extents, encode_piece
from dedupstore.format.snapshot_record import SnapshotCounts, SnapshotRecord
from dedupstore.ids import ChunkId
from stored_pieces import StoredPieces

# Names that sort around the separator, that begin alike, and that look like globs.
NAMES = st.sampled_from([b"a", b"b", b"a\x01", b"a.", b"ab", b"a0", b"[a]", b"*", b"\xff"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(b"/".join)
SELECTORS = st.lists(PATHS | PATHS.map(lambda path: b"/" + path + b"/"), min_size=1, max_size=3)


class CountingPieces(StoredPieces):
    """Counts how many different pieces are read."""

    def __init__(self) -> None:
        super().__init__()
        self.read_ids: set[ChunkId] = set()

    def read(self, id_: ChunkId) -> memoryview:
        """See ``StoredPieces.read``."""
        self.read_ids.add(id_)
        return super().read(id_)


def entry(path: bytes) -> Entry:
    """Return an entry of a folder."""
    return Entry(path, EntryType.DIRECTORY)


def written(pieces: StoredPieces, paths: Sequence[bytes], width: int) -> tuple[ChunkId, int]:
    """Write a manifest with ``width`` entries or extents in each piece."""

    def stored(level: int, body: bytes, covered_bytes: int | None = None) -> Extent:
        piece = encode_piece(level, body)
        return Extent(covered_bytes or len(piece), pieces.store(piece))

    level = 0
    encoded = [encode_entry(entry(path)) for path in paths]
    row = [
        stored(0, b"".join(encoded[begin : begin + width]))
        for begin in range(0, len(encoded), width)
    ]
    while len(row) > 1:
        level += 1
        groups = [row[begin : begin + width] for begin in range(0, len(row), width)]
        row = [
            stored(level, encode_extents(group), sum(extent.extent_bytes for extent in group))
            for group in groups
        ]
    return row[0].id, level


def snapshot_of(manifest: ChunkId, level: int) -> Snapshot:
    """Return a snapshot with a manifest."""
    record = SnapshotRecord(
        repository_id=bytes(32),
        time=datetime(2026, 1, 1, tzinfo=UTC),
        set_name="set",
        host="host",
        paths=(b"a",),
        tags=(),
        manifest=manifest,
        manifest_level=level,
        counts=SnapshotCounts(1, 0, 0, 1, 0),
        previous=None,
        program="test",
    )
    return Snapshot(bytes(32), record)


PATH_SETS = st.sets(PATHS, min_size=1, max_size=60).map(
    lambda paths: sorted(paths, key=path_sort_key)
)


@given(paths=PATH_SETS, width=st.integers(2, 5), key=PATHS.map(path_sort_key))
def test_entries_from_a_key_on(paths: list[bytes], width: int, key: bytes) -> None:
    """From a key on come all entries that are not before it, in order."""
    pieces = StoredPieces()
    search = ManifestSearch(pieces, *written(pieces, paths, width))
    found = [entry.path for entry in search.entries_from(key)]
    assert found == [path for path in paths if path_sort_key(path) >= key]


@given(paths=PATH_SETS, width=st.integers(2, 5), selectors=SELECTORS)
def test_a_selection_chooses_what_its_patterns_match(
    paths: list[bytes], width: int, selectors: list[bytes]
) -> None:
    """Chosen is what the selectors match; the folders above it come, too, each before it."""
    pieces = StoredPieces()
    snapshot = snapshot_of(*written(pieces, paths, width))
    matches = compile_selection(selectors)
    found = list(Selection(selectors).entries(pieces, snapshot))
    chosen = [entry.path for entry, is_chosen in found if is_chosen]
    assert chosen == [path for path in paths if matches(path)]
    yielded = [entry.path for entry, _ in found]
    assert yielded == sorted(yielded, key=path_sort_key)
    above = {path for path in paths for other in chosen if other.startswith(path + b"/")}
    assert above <= set(yielded)


def test_one_path_of_many_takes_few_pieces() -> None:
    """Of 20,000 entries in 1,000 pieces and more, one is found with at most 40 pieces read."""
    pieces = CountingPieces()
    paths = [b"logs/%05d.log" % number for number in range(20_000)]
    snapshot = snapshot_of(*written(pieces, paths, 20))
    assert len(pieces.stored) > 1000
    for wanted in (paths[0], paths[7777], paths[-1]):
        pieces.read_ids.clear()
        found = Selection([wanted]).entries(pieces, snapshot)
        assert [entry.path for entry, chosen in found if chosen] == [wanted]
        assert len(pieces.read_ids) <= 40
