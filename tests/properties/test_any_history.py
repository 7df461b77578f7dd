"""Whatever happens to files between snapshots, every snapshot restores exactly."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import dedupstore
from dedupstore import FileChange, RestoreOptions, SnapshotOptions, SnapshotReport
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.tree_reader import manifest_entries
from dedupstore.format.entry import Entry, EntryType
from dedupstore.twins import inflate
from properties.file_trees import Change, Tree, changes, log_changes, remember

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""A place where syncing costs nothing. Sources lie on a disk, which soon uses inodes again."""

RACE_SECONDS = 0.03
"""A little more than the time for which a fresh change proves nothing."""

Step = Sequence[Change]
CHUNK_BYTES_MAX = 16 * 1024
"""The longest chunk: less of one lies before a change in it."""

TAIL_BYTES_MIN = 512
"""A chunk at the end of a file that is shorter is stored again, together with what follows."""

RECIPE_BYTES_EXTRA = 1024
"""What a recipe holds besides bytes of its file: it is stored as data where it is long."""

ROTATION = [
    [Change("write", "app.log", size=40_000, seed=1)],
    [Change("append", "app.log", size=5000, seed=2)],
    [Change("rotate", "app.log", size=100, seed=3)],
    [Change("rotate", "app.log", size=4096, seed=4), Change("touch", "app.log.1", seed=9)],
]
IN_PLACE = [
    [Change("write", "z", size=200_000, seed=1), Change("touch", "z", seed=5)],
    [Change("rewrite", "z", size=40, seed=100_000)],
    [Change("hole", "z", size=100, seed=1)],
    [Change("truncate", "z", size=40_000)],
    [Change("delete", "z"), Change("mkdir", "z"), Change("chmod", "z", seed=0o55)],
    [Change("delete", "z"), Change("link", "z", other="a/z")],
]
COMPRESSION = [
    [Change("write", "app.log", size=40_000, seed=5)],
    [Change("rotate", "app.log", size=100, seed=6)],
    [Change("append", "app.log.1", size=100, seed=7)],
    [Change("gzip", "app.log.1", other="app.log.2.gz", seed=5), Change("append", "app.log")],
    [Change("rename", "app.log.2.gz", other="z"), Change("copytruncate", "app.log", other="é")],
    [Change("append", "z", size=1), Change("append", "app.log", size=5000, seed=1)],
]
CYCLES = [
    [Change("write", "app.log", size=40_000, seed=8), Change("cycle", "app.log", size=5000)],
    [Change("append", "app.log.1", size=100), Change("append", "app.log", size=4096, seed=2)],
    [Change("cycle", "app.log", size=5000, seed=3), Change("gzip_part", "app.log", "z", 100)],
    [Change("gzip_more", "app.log.2.gz", size=5000), Change("gzip", "app.log", "z", 100, 9)],
    [Change("cycle", "app.log", seed=4), Change("truncate", "z", size=40_000)],
    [Change("append", "z", size=40_000), Change("gzip_more", "z", size=100)],
]
HOLES = [
    [Change("hole", "z"), Change("write", "z", size=4096), Change("hole", "z")],
    [Change("append", "z", size=40_000, seed=1)],
    [Change("hole", "z", size=100), Change("truncate", "z", size=150_000)],
    [Change("append", "z", size=200_000, seed=2), Change("rename", "z", other="é")],
    [Change("swap", "z", other="é"), Change("replace", "é", size=100, seed=2)],
]


@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(steps=st.lists(st.lists(changes(), max_size=8), min_size=1, max_size=5))
@example(steps=ROTATION)
@example(steps=IN_PLACE)
@example(steps=HOLES)
def test_every_snapshot_restores_exactly(steps: Sequence[Step]) -> None:
    """After any history, each snapshot gives back bytes, types, modes, times and link targets."""
    replay(steps)


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(steps=st.lists(st.lists(log_changes(), min_size=1, max_size=5), min_size=2, max_size=6))
@example(steps=COMPRESSION)
@example(steps=CYCLES)
def test_every_snapshot_of_rotated_logs_restores_exactly(steps: Sequence[Step]) -> None:
    """However a log grows, is rotated and compressed, each snapshot gives back all its parts.

    And each stores only what is new.
    """
    begun = [Change("write", "app.log", size=9000, seed=1)]
    replay([begun, *steps], has_holes=False)


def replay(steps: Sequence[Step], *, has_holes: bool = True) -> None:
    """Take a snapshot after each step, and require that all restore exactly.

    What is continued must have the chunk lists that reading it whole gives. Where no file has
    holes, only what is new may be stored.
    """
    with (
        tempfile.TemporaryDirectory() as disk,
        tempfile.TemporaryDirectory(prefix="dedupstore-test-", dir=MEMORY) as memory,
    ):
        logs = Path(disk) / "logs"
        logs.mkdir()
        base = Path(memory)
        with dedupstore.init_repository(base / "repository", chunk_bytes_target=4096) as repository:
            history: list[tuple[SnapshotReport, Tree]] = []
            known = StoredBytes([], {})
            for step in steps:
                before = Inodes(logs)
                rewritten = {before.apply(change) for change in step}
                reread = before.hide_changes(rewritten)
                report = dedupstore.snapshot(repository, [logs], SnapshotOptions(reread=reread))
                history.append((report, remember(logs)))
                assert_adds_up(report, history[-1][1])
                found = StoredBytes(entries(repository, report), history[-1][1])
                assert has_holes or report.bytes_new <= found.new_bytes_max(known)
                assert_reading_all_finds_the_same(repository, logs, report)
                known = found
            assert_nothing_is_read_twice(repository, logs, history[-1][0])
            for number, (report, tree) in enumerate(history):
                assert_restores(repository, report, tree, base / f"out{number}")
            assert_diffs_lead_from_one_to_the_next(repository, history)
            checked = dedupstore.check(repository, dedupstore.CheckOptions(data=True))
            assert checked.findings == []


class Inodes:
    """The files of a tree before a step, by what a snapshot knows them by."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[int, tuple[Path, int, bytes]] = {}
        for path, status in regular_files(root):
            self._known[status.st_ino] = (path, status.st_mtime_ns, path.read_bytes())

    def apply(self, change: Change) -> int:
        """Make a change; return the inode it rewrites in the middle, 0 if it does not."""
        target = self._root / change.path
        change.apply(self._root)
        is_file = change.kind == "rewrite" and target.is_file()
        return target.stat().st_ino if is_file else 0

    def hide_changes(self, rewritten: set[int]) -> bool:
        """Tell whether something changed that cannot be noticed without reading all.

        That is a change between the places that are compared of a file that has grown, and one
        that keeps size and modification time of a file that is renamed.
        """
        for path, status in regular_files(self._root):
            old_path, mtime_ns, content = self._known.get(status.st_ino, (path, 0, b""))
            if status.st_size == len(content):
                kept_time = mtime_ns == status.st_mtime_ns and path != old_path
                if kept_time and path.read_bytes() != content:
                    return True
            elif status.st_size > len(content) and status.st_ino in rewritten:
                return True
        return False


def regular_files(root: Path) -> list[tuple[Path, os.stat_result]]:
    """Return the regular files of a tree with their status."""
    found = [(path, path.lstat()) for path in root.rglob("*")]
    return [(path, status) for path, status in found if stat.S_ISREG(status.st_mode)]


def text_bytes(tree: Tree) -> int:
    """Return how many bytes of text are in the compressed files of a tree."""
    return sum(len(text_of(item.content)) for item in tree.values())


def text_of(content: bytes) -> bytes:
    """Return the text of a compressed file, as far as it can be unpacked."""
    text = bytearray()
    # What stands behind the text, or breaks it off, is none.
    with suppress(EOFError, ValueError):
        for piece in inflate([content]):
            text += piece
    return bytes(text)


def assert_reading_all_finds_the_same(
    repository: dedupstore.Repository, logs: Path, report: SnapshotReport
) -> None:
    """Read everything once more, and require that nothing else is recorded, and nothing stored.

    Only a compressed file that is still being written may be continued where it could be a twin.
    The snapshot is removed again, so that the next one goes on from what was continued.
    """
    reread = dedupstore.snapshot(repository, [logs], SnapshotOptions(reread=True))
    pairs = list(zip(entries(repository, report), entries(repository, reread), strict=True))
    late_twins = [whole.path for entry, whole in pairs if whole.twin and not entry.twin]
    for entry, whole in pairs:
        assert (entry.path, entry.size) == (whole.path, whole.size)
        if entry.path not in late_twins:
            assert (entry.content, entry.twin) == (whole.content, whole.twin)
    assert not late_twins or report.changes[FileChange.GROWN] + report.changes[FileChange.RENAMED]
    assert late_twins or reread.bytes_new == 0
    assert reread.snapshot is not None
    (Path(repository.location) / "snapshots" / reread.snapshot.hex()).unlink()


class StoredBytes:
    """What is stored of each file of a snapshot: its bytes, or those of its text."""

    def __init__(self, found: Sequence[Entry], tree: Tree) -> None:
        self._files = [(entry, _stored(entry, tree)) for entry in found]

    def new_bytes_max(self, older: StoredBytes) -> int:
        """Return how much may be new where an older snapshot is known.

        Of what begins like the same file did, that is what follows, and the last chunk before it;
        and all of a recipe.
        """
        recipes = [entry.twin.recipe_content for entry, _ in self._files if entry.twin]
        found = sum(_new_bytes_max(data, older.same_file(entry)) for entry, data in self._files)
        return found + sum(recipe.content_bytes for recipe in recipes)

    def same_file(self, now: Entry) -> bytes:
        """Return what is stored of the file that an entry of a later snapshot is of, if any."""
        for entry, data in self._files:
            if (entry.path, entry.inode) == (now.path, now.inode):
                return data
        for entry, data in self._files:
            is_older = entry.size < now.size and entry.mtime_ns <= now.mtime_ns
            is_same = (entry.size, entry.mtime_ns) == (now.size, now.mtime_ns)
            if entry.inode == now.inode and (is_older or is_same):
                return data
        return next((data for entry, data in self._files if entry.path == now.path), b"")


def _stored(entry: Entry, tree: Tree) -> bytes:
    name = next((name for name in tree if entry.path.endswith(b"logs/" + os.fsencode(name))), "")
    content = tree[name].content if entry.type is EntryType.FILE else b""
    return text_of(content) if entry.twin else content


def _new_bytes_max(data: bytes, known: bytes) -> int:
    if data.startswith(known):
        return len(data) - len(known) + (TAIL_BYTES_MIN if data != known else 0)
    pairs = enumerate(zip(data, known, strict=False))
    alike_bytes = next((place for place, (now, then) in pairs if now != then), len(data))
    return min(len(data), len(data) - alike_bytes + CHUNK_BYTES_MAX)


def entries(repository: dedupstore.Repository, report: SnapshotReport) -> list[Entry]:
    """Return the entries of a snapshot."""
    assert report.snapshot is not None
    record = dedupstore.load_snapshot(repository, report.snapshot).record
    with ChunkReader(repository) as reader:
        return list(manifest_entries(reader, record.manifest, record.manifest_level))


def assert_adds_up(report: SnapshotReport, tree: Tree) -> None:
    """Hold the figures of a report against each other and against the tree."""
    files = [item for item in tree.values() if item.mode >> 12 == 0o10]
    assert report.files == len(files) == sum(report.changes.values())
    assert report.content_bytes == sum(len(item.content) for item in files)
    assert report.directories == 1 + sum(item.mode >> 12 == 0o4 for item in tree.values())
    assert report.symlinks == sum(item.mode >> 12 == 0o12 for item in tree.values())
    moved = report.changes[FileChange.GROWN] + report.changes[FileChange.RENAMED]
    stored_anew = moved * TAIL_BYTES_MIN + report.twins * RECIPE_BYTES_EXTRA
    assert report.bytes_new <= report.bytes_read + text_bytes(tree) + stored_anew
    assert report.bytes_read <= report.content_bytes * 33 // 32 + CHUNK_BYTES_MAX * report.files
    assert min(report.changes.values()) >= 0
    assert report.complete


def assert_nothing_is_read_twice(
    repository: dedupstore.Repository, logs: Path, last: SnapshotReport
) -> None:
    """Once files have rested, a second look at them reads nothing and finds nothing changed."""
    time.sleep(RACE_SECONDS)
    settled = dedupstore.snapshot(repository, [logs])
    again = dedupstore.snapshot(repository, [logs])
    assert (again.bytes_read, again.bytes_new, again.twins) == (0, 0, settled.twins)
    assert again.changes[FileChange.UNCHANGED] == again.files
    late_twins = settled.twins - last.twins
    assert settled.changes[FileChange.UNCHANGED] == settled.files - late_twins
    assert late_twins or settled.bytes_new == 0


def assert_restores(
    repository: dedupstore.Repository, report: SnapshotReport, tree: Tree, target: Path
) -> None:
    """Restore a snapshot into an empty folder and compare all that there is."""
    assert report.snapshot is not None
    found = dedupstore.load_snapshot(repository, report.snapshot)
    depth = found.record.paths[0].count(b"/")
    restored = dedupstore.restore(repository, found, target, RestoreOptions(strip_components=depth))
    assert restored.failed == []
    assert restored.files == report.files
    assert restored.restored_bytes == report.content_bytes
    assert remember(target) == tree


def assert_diffs_lead_from_one_to_the_next(
    repository: dedupstore.Repository, history: list[tuple[SnapshotReport, Tree]]
) -> None:
    """Apply each diff to the names of one snapshot and require those of the next."""
    for (before, old), (after, new) in pairwise(history):
        assert before.snapshot is not None
        assert after.snapshot is not None
        older = dedupstore.load_snapshot(repository, before.snapshot)
        newer = dedupstore.load_snapshot(repository, after.snapshot)
        root = older.record.paths[0].lstrip(b"/") + b"/"
        found = dedupstore.diff(repository, older, newer)

        def name(path: bytes, root: bytes = root) -> str:
            return path.removeprefix(root).decode()

        gone = {name(c.before.path) for c in (*found.removed, *found.renamed) if c.before}
        come = {name(c.after.path) for c in (*found.added, *found.renamed) if c.after}
        assert (set(old) - gone) | come == set(new)
        for change in (*found.changed, *found.grown):
            assert change.before is not None
            assert change.after is not None
            assert change.before.path == change.after.path
        for change in (*found.renamed, *found.grown):
            assert change.before is not None
            assert change.after is not None
            before_bytes = old[name(change.before.path)].content
            assert new[name(change.after.path)].content.startswith(before_bytes)
        touched = gone | come | {name(c.after.path) for c in found.changed if c.after}
        touched |= {name(c.after.path) for c in found.grown if c.after}
        for path in set(old) & set(new) - touched:
            assert (old[path].mode, old[path].content) == (new[path].mode, new[path].content)
