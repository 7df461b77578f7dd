"""Where a manifest is cut into pieces."""

from __future__ import annotations

from dedupstore.engine.tree_writer import ManifestWriter
from dedupstore.format.entry import Entry, EntryType
from dedupstore.format.hashing import digest
from dedupstore.ids import ChunkId

LOGS = [b"logs/%02d.log" % number for number in range(40)]
OLDER_PARTS = 14


def test_logs_that_grow_leave_the_pieces_of_their_older_parts_as_they_are() -> None:
    """Between rotations, only the live logs' own entries are stored again."""
    before = pieces_of(mtime_ns=1)
    after = pieces_of(mtime_ns=2)
    new_bytes = sum(len(after[id_]) for id_ in after.keys() - before.keys())
    assert new_bytes < sum(map(len, after.values())) // 4


def test_logs_without_older_parts_share_pieces() -> None:
    """Where no log was ever rotated, entries are not stored one by one."""
    assert len(pieces_of(mtime_ns=1, older_parts=0)) < len(LOGS) // 4


def pieces_of(*, mtime_ns: int, older_parts: int = OLDER_PARTS) -> dict[ChunkId, bytes]:
    """Return all pieces of a manifest of logs, written at ``mtime_ns``, and older parts."""
    pieces: dict[ChunkId, bytes] = {}

    def store(piece: bytes) -> ChunkId:
        pieces[digest(piece)] = piece
        return digest(piece)

    writer = ManifestWriter(store)
    for log in LOGS:
        writer.add(entry(log, mtime_ns))
        for number in range(1, older_parts + 1):
            writer.add(entry(b"%s.%02d" % (log, number), 1, lineage=log))
    writer.finish()
    return pieces


def entry(path: bytes, mtime_ns: int, lineage: bytes = b"") -> Entry:
    """Return the entry of an empty file."""
    return Entry(path, EntryType.FILE, 0o644, 0, 0, mtime_ns, mtime_ns, 0, 1, 1, lineage=lineage)
