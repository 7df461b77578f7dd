"""Listing, comparing and measuring snapshots, against what is known of them by hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import dedupstore
from dedupstore import PathChange, Repository, Snapshot, SnapshotDiff
from dedupstore.engine.selection import Selection
from dedupstore.errors import PathUnknown

LINES = b"".join(b"line %06d of a log\n" % number for number in range(3000))


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Return an empty folder."""
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.fixture
def take(repository: Repository, logs: Path) -> Callable[[], Snapshot]:
    """Return a function that takes a snapshot of the folder."""

    def taken() -> Snapshot:
        report = dedupstore.snapshot(repository, [logs])
        assert report.snapshot is not None
        return dedupstore.load_snapshot(repository, report.snapshot)

    return taken


def told(found: SnapshotDiff, logs: Path) -> dict[str, list[str]]:
    """Return a diff as lists of relative paths, renames as ``old > new``."""
    below = os.fsencode(logs)[1:] + b"/"

    def path(change: PathChange) -> str:
        ends = [entry.path for entry in (change.before, change.after) if entry is not None]
        return " > ".join(dict.fromkeys(os.fsdecode(end.removeprefix(below)) for end in ends))

    kinds = ("added", "removed", "changed", "renamed", "grown")
    lists = {kind: [path(change) for change in getattr(found, kind)] for kind in kinds}
    return {kind: paths for kind, paths in lists.items() if paths}


Take = Callable[[], Snapshot]


def test_a_chain_of_rotations_is_renames(repository: Repository, logs: Path, take: Take) -> None:
    """app.log → app.log.1 → app.log.2 is two renames and a new file, not three changes."""
    (logs / "app.log").write_bytes(LINES)
    (logs / "app.log.1").write_bytes(b"older " + LINES)
    before = take()
    os.rename(logs / "app.log.1", logs / "app.log.2")
    os.rename(logs / "app.log", logs / "app.log.1")
    (logs / "app.log").write_bytes(b"a new day\n")
    found = told(dedupstore.diff(repository, before, take()), logs)
    assert found == {
        "renamed": ["app.log > app.log.1", "app.log.1 > app.log.2"],
        "added": ["app.log"],
    }


def test_a_rotated_log_may_have_grown_before(
    repository: Repository, logs: Path, take: Take
) -> None:
    """A log that grew after the first snapshot and was then rotated is still a rename."""
    (logs / "app.log").write_bytes(LINES)
    before = take()
    with (logs / "app.log").open("ab") as log:
        log.write(b"the last line of the day\n")
    os.rename(logs / "app.log", logs / "app.log.1")
    found = dedupstore.diff(repository, before, take())
    assert told(found, logs) == {"renamed": ["app.log > app.log.1"]}


def test_copytruncate_is_a_copy_and_a_change(
    repository: Repository, logs: Path, take: Take
) -> None:
    """A log that was copied and truncated in place: the copy is new, the log itself has changed."""
    (logs / "app.log").write_bytes(LINES)
    before = take()
    (logs / "app.log.1").write_bytes(LINES)
    (logs / "app.log").write_bytes(b"after\n")
    found = dedupstore.diff(repository, before, take())
    assert told(found, logs) == {"added": ["app.log.1"], "changed": ["app.log"]}


def test_growth_and_change_are_told_apart(repository: Repository, logs: Path, take: Take) -> None:
    """What begins with all it was has grown; one other byte, or fewer, and it has changed."""
    for name in ("grown", "flipped", "cut", "same", "touched", "emptied", "filled"):
        (logs / name).write_bytes(b"" if name == "filled" else LINES)
    before = take()
    (logs / "grown").write_bytes(LINES + b"more\n")
    (logs / "flipped").write_bytes(b"L" + LINES[1:] + b"more\n")
    (logs / "cut").write_bytes(LINES[:-1])
    (logs / "emptied").write_bytes(b"")
    (logs / "filled").write_bytes(b"first\n")
    os.utime(logs / "touched")
    found = told(dedupstore.diff(repository, before, take()), logs)
    assert found == {"grown": ["grown"], "changed": ["cut", "emptied", "filled", "flipped"]}


def test_types_modes_and_targets_are_compared(
    repository: Repository, logs: Path, take: Take
) -> None:
    """Another mode, type or link target is a change; folders come and go like files."""
    (logs / "mode").write_bytes(b"x")
    (logs / "type").write_bytes(b"y")
    (logs / "folder").mkdir()
    os.symlink("a", logs / "link")
    before = take()
    (logs / "mode").chmod(0o600)
    (logs / "type").unlink()
    (logs / "type").mkdir()
    (logs / "folder").rmdir()
    (logs / "new folder").mkdir()
    (logs / "link").unlink()
    os.symlink("b", logs / "link")
    found = told(dedupstore.diff(repository, before, take()), logs)
    assert found == {
        "changed": ["link", "mode", "type"],
        "removed": ["folder"],
        "added": ["new folder"],
    }


def test_a_diff_can_be_narrowed(repository: Repository, logs: Path, take: Take) -> None:
    """Selectors narrow a diff; one that chooses nothing in either snapshot is unknown."""
    (logs / "a").write_bytes(b"a")
    before = take()
    (logs / "b").write_bytes(b"b")
    (logs / "c").write_bytes(b"c")
    after = take()
    found = dedupstore.diff(repository, before, after, [str(logs / "b")])
    assert told(found, logs) == {"added": ["b"]}
    assert told(dedupstore.diff(repository, before, after, [str(logs / "a")]), logs) == {}
    with pytest.raises(PathUnknown):
        dedupstore.diff(repository, before, after, ["/none"])


@pytest.fixture
def tree(logs: Path) -> Path:
    """Return the folder with two levels of files in it."""
    (logs / "nginx" / "old").mkdir(parents=True)
    for name in ("a.log", "nginx/access.log", "nginx/old/access.log.1"):
        (logs / name).write_bytes(LINES[:100])
    return logs


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        ((), ["", "a.log", "nginx"]),
        (("",), ["", "a.log", "nginx"]),
        (("nginx",), ["nginx", "nginx/access.log", "nginx/old"]),
        (("nginx/old", "a.log"), ["a.log", "nginx/old", "nginx/old/access.log.1"]),
        (("*",), ["a.log", "nginx", "nginx/access.log", "nginx/old"]),
    ],
    ids=repr,
)
def test_one_level_can_be_listed(
    repository: Repository,
    tree: Path,
    take: Take,
    selectors: Sequence[str],
    expected: list[str],
) -> None:
    """Without recursion, a chosen folder is listed with what lies directly in it."""
    snapshot = take()
    chosen = [str(tree / selector) if selector else str(tree) for selector in selectors]
    found = dedupstore.list_entries(repository, snapshot, chosen, recursive=False)
    below = os.fsencode(tree)[1:]
    paths = [os.fsdecode(entry.path.removeprefix(below).lstrip(b"/")) for entry in found]
    assert paths == expected


def test_selectors_that_choose_nothing_are_known(
    repository: Repository, tree: Path, take: Take
) -> None:
    """A selection tells what it has not met, and refuses only where it has met nothing."""
    path = os.fsencode(tree)
    selection = Selection([path + b"/a.log", b"/missing", b"**/*.log.1", b"*.none"])
    entries = list(dedupstore.list_entries(repository, take()))
    matched = [entry.path for entry in entries if selection._choose(entry.path)]
    assert [os.path.basename(found) for found in matched] == [b"a.log", b"access.log.1"]
    assert selection.unmatched() == [b"/missing", b"*.none"]
    selection.refuse_if_nothing_matched()
    with pytest.raises(PathUnknown, match=r"\*\.none"):
        Selection([b"*.none"]).refuse_if_nothing_matched()
    Selection([]).refuse_if_nothing_matched()


def test_stats_count_what_is_there(repository: Repository, logs: Path, take: Take) -> None:
    """Original, unique and stored bytes, chunks and packs are those counted by hand."""
    assert dedupstore.stats(repository).bytes_unique == 0
    assert dedupstore.stats(repository).dedup_ratio == 1.0
    (logs / "a").write_bytes(LINES)
    (logs / "b").write_bytes(LINES)
    (logs / "empty").touch()
    first = take()
    (logs / "c").write_bytes(b"x" * 100)
    second = take()
    whole = dedupstore.stats(repository)
    assert whole.snapshots == 2
    assert whole.bytes_original == 4 * len(LINES) + 100
    assert whole.bytes_unique == len(LINES) + 100
    assert whole.dedup_ratio == whole.bytes_original / whole.bytes_unique
    root = Path(repository.location)
    packs = list((root / "packs").rglob("*"))
    records = list((root / "snapshots").iterdir())
    stored = sum(path.stat().st_size for path in (*packs, *records) if path.is_file())
    assert whole.bytes_stored == stored
    assert whole.packs == sum(path.is_file() for path in packs)
    one = dedupstore.stats(repository, [first])
    assert (one.snapshots, one.bytes_original, one.bytes_unique) == (1, 2 * len(LINES), len(LINES))
    assert one.chunks == whole.chunks - 1
    assert one.packs == 1
    both = dedupstore.stats(repository, [first, second])
    assert (both.bytes_unique, both.chunks, both.packs) == (whole.bytes_unique, whole.chunks, 2)
    assert 0 < one.bytes_stored < both.bytes_stored <= whole.bytes_stored


def test_holes_are_original_but_not_unique(repository: Repository, logs: Path, take: Take) -> None:
    """A hole counts as original bytes, which a restore gives back, and as nothing stored."""
    with (logs / "sparse").open("wb") as sparse:
        sparse.write(LINES)
        sparse.truncate(1 << 30)
    found = dedupstore.stats(repository, [take()])
    assert found.bytes_original == 1 << 30
    assert found.bytes_unique < 1 << 20
