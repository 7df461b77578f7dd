"""Logs through time: which files of a snapshot belong to one log, and its text as a whole."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard

import dedupstore
from dedupstore import LineageReport, Repository, Snapshot, TrimRule
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.lineage import Lineage, LineageFinder
from dedupstore.engine.repeated_parts import repeated_parts
from dedupstore.errors import PathUnknown

DAY = 86_400
NOISE = random.Random(1).randbytes(20_000).hex().encode() + b"\n"
START = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())


def day(number: int, lines: int = 40) -> bytes:
    """Return what a log has of one day."""
    return b"".join(
        b"2026-03-%02dT%02d:00:00Z line %d of day %d\n" % (number, line * 23 // lines, line, number)
        for line in range(lines)
    )


class Host:
    """A folder of logs, and snapshots of it."""

    def __init__(self, repository: Repository, folder: Path) -> None:
        self._repository = repository
        self.folder = folder

    def write(self, name: str, data: bytes, day_number: int) -> None:
        """Write a file as it was last written at the end of a day."""
        path = self.folder / name
        path.write_bytes(data)
        time = START + day_number * DAY - 1
        os.utime(path, (time, time))

    def take(self) -> Snapshot:
        """Take a snapshot of the folder."""
        report = dedupstore.snapshot(self._repository, [self.folder])
        assert report.snapshot is not None
        return dedupstore.load_snapshot(self._repository, report.snapshot)

    def parts(self, snapshot: Snapshot, name: str) -> str:
        """Return the names of a log's files, oldest first; in brackets those that are repeated."""
        found = dedupstore.log_parts(self._repository, snapshot, os.fspath(self.folder / name))
        names = [os.path.basename(part.entry.path).decode() for part in found.parts]
        repeated = [part.repeats is not None for part in found.parts]
        return " ".join(
            f"({each})" if again else each for each, again in zip(names, repeated, strict=True)
        )

    def text(
        self, snapshot: Snapshot, name: str, trim: TrimRule | None = None
    ) -> tuple[bytes, LineageReport]:
        """Return the whole text of a log, and what was said."""
        output = io.BytesIO()
        path = os.fspath(self.folder / name)
        report = dedupstore.cat_lineage(self._repository, snapshot, path, output, trim=trim)
        assert report.written_bytes == len(output.getvalue())
        return output.getvalue(), report


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """Return an empty folder of logs, and an empty repository for it."""
    folder = tmp_path / "logs"
    folder.mkdir()
    with dedupstore.init_repository(tmp_path / "repository", chunk_bytes_target=4096) as repository:
        yield Host(repository, folder)


def test_a_log_is_put_together_from_all_its_parts(host: Host) -> None:
    """Plain, gzipped and otherwise compressed parts become one text, in the order of the days."""
    packers: dict[str, Callable[[bytes], bytes]] = {
        "app.log.5.zst": zstandard.ZstdCompressor().compress,
        "app.log.4.xz": lzma.compress,
        "app.log.3.bz2": bz2.compress,
        "app.log.2.gz": gzip.compress,
        "app.log.1": bytes,
        "app.log": bytes,
    }
    for number, (name, pack) in enumerate(packers.items(), start=1):
        host.write(name, pack(day(number)), number)
    host.write("other.log.1", day(9), 9)
    host.write("app.logic", day(9), 9)
    snapshot = host.take()
    expected = b"".join(map(day, range(1, 7)))
    for name in packers:
        text, report = host.text(snapshot, name)
        assert text == expected
        assert (report.files, report.shortfalls, report.events) == (6, [], [])
    assert host.parts(snapshot, "app.log.3.bz2") == " ".join(packers)


def test_a_part_is_known_by_its_past(host: Host) -> None:
    """A log that was moved to a name of no scheme stays a part of it, as the snapshot recorded."""
    host.write("app.log", day(1), 1)
    host.take()
    os.rename(host.folder / "app.log", host.folder / "before the incident")
    host.write("app.log", day(2), 2)
    snapshot = host.take()
    assert host.parts(snapshot, "app.log") == "before the incident app.log"
    assert host.text(snapshot, "before the incident")[0] == day(1) + day(2)


def test_a_log_that_was_renamed_is_rotated_as_its_own(host: Host) -> None:
    """A log under a new name stays a part of the old log, but its parts are those of the new."""
    host.write("old.log", day(1), 1)
    host.take()
    os.rename(host.folder / "old.log", host.folder / "new.log")
    assert host.parts(host.take(), "new.log") == "new.log"
    os.rename(host.folder / "new.log", host.folder / "new.log.1")
    host.write("new.log", day(2), 2)
    host.write("old.log", day(3), 3)
    snapshot = host.take()
    assert host.parts(snapshot, "new.log") == "new.log.1 new.log"
    assert host.parts(snapshot, "old.log") == "old.log"


def test_a_log_without_its_youngest_part(host: Host) -> None:
    """Of a log that has just been rotated away, the older parts are found under its name."""
    host.write("app.log.1", day(2), 2)
    host.write("app.log.2", day(1), 1)
    assert host.parts(host.take(), "app.log") == "app.log.2 app.log.1"


def test_names_that_others_confirm(host: Host) -> None:
    """worker.1.log is a log of its own where there is no worker.log, and a part of it elsewhere."""
    for folder in ("pool", "single"):
        (host.folder / folder).mkdir()
        for number in (1, 2):
            host.write(f"{folder}/worker.{number}.log", day(3 - number), 3 - number)
    host.write("single/worker.log", day(3), 3)
    snapshot = host.take()
    assert host.parts(snapshot, "pool/worker.1.log") == "worker.1.log"
    assert host.parts(snapshot, "single/worker.1.log") == "worker.2.log worker.1.log worker.log"


def test_a_path_that_is_not_there(host: Host) -> None:
    """Neither a missing file nor a folder is a log."""
    host.write("app.log.1", day(1), 1)
    snapshot = host.take()
    for name in ("none.log", "app.log.2", ""):
        with pytest.raises(PathUnknown):
            host.parts(snapshot, name)


def test_a_file_that_is_no_log_is_its_own_lineage(host: Host) -> None:
    """Whatever file is asked for is written, even if it has no other parts."""
    host.write("notes.txt", b"notes\n", 1)
    assert host.text(host.take(), "notes.txt")[0] == b"notes\n"


def test_a_copy_that_is_not_yet_truncated_is_written_once(host: Host) -> None:
    """Between copy and truncation, what the copy and the log share is written once."""
    host.write("app.log.2", day(1), 1)
    host.write("app.log", day(2), 2)
    host.write("app.log.1", day(2), 2)
    snapshot = host.take()
    assert host.parts(snapshot, "app.log") == "app.log.2 (app.log.1) app.log"
    assert host.text(snapshot, "app.log")[0] == day(1) + day(2)


def test_a_copy_that_the_log_has_outgrown_is_written_once(host: Host) -> None:
    """A copy that is still being made, of a log that is written meanwhile, is left out."""
    host.write("app.log", day(2), 2)
    host.write("app.log.1", day(2)[:-30], 2)
    snapshot = host.take()
    text, report = host.text(snapshot, "app.log")
    assert text == day(2)
    assert [event.kind for event in report.events] == ["repeated"]


def test_hard_links_are_written_once(host: Host) -> None:
    """Of names of one file the log itself is written, or else the youngest."""
    host.write("app.log", day(1), 1)
    for number in range(1, 5):
        os.link(host.folder / "app.log", host.folder / f"app.log.{number}")
    assert host.text(host.take(), "app.log")[0] == day(1)
    (host.folder / "app.log").unlink()
    snapshot = host.take()
    assert host.parts(snapshot, "app.log") == "(app.log.4) (app.log.3) (app.log.2) app.log.1"
    assert host.text(snapshot, "app.log.3")[0] == day(1)


@pytest.mark.timeout(10)
def test_very_many_hard_links_take_little_time(host: Host, tmp_path: Path) -> None:
    """Whoever may write to a folder of logs cannot make a log of it unreadable with links."""
    host.write("app.log", day(1), 1)
    path = os.fsencode(host.folder / "app.log").lstrip(b"/")
    with (
        dedupstore.open_repository(tmp_path / "repository") as repository,
        ChunkReader(repository) as reader,
    ):
        (log,) = LineageFinder(reader).find(host.take(), path).files
        links = [replace(log, path=path + b"-%d" % (10**9 + each)) for each in range(30_000)]
        repeated = repeated_parts(reader, Lineage(path, (*links, log)))
    assert repeated == {link.path: path for link in links}


def test_equal_days_stay_two(host: Host) -> None:
    """Two days on which the very same was logged are written twice."""
    host.write("app.log.2", b"started\n", 1)
    host.write("app.log.1", b"started\n", 2)
    host.write("app.log", b"started\n", 3)
    snapshot = host.take()
    assert host.text(snapshot, "app.log")[0] == b"started\n" * 3


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_a_part_that_is_being_compressed_is_written_once(
    host: Host, suffix: str, pack: Callable[[bytes], bytes], half: bool
) -> None:
    """Beside the part that it is made of, a compressed file adds nothing, half-written or whole."""
    packed = pack(NOISE)
    host.write("app.log.1", NOISE, 1)
    host.write(f"app.log.1{suffix}", packed[: len(packed) // 2] if half else packed, 1)
    host.write("app.log", day(2), 2)
    written, report = host.text(host.take(), "app.log")
    assert written == NOISE + day(2)
    assert report.shortfalls == []


def test_a_half_written_part_is_written_as_far_as_it_goes(host: Host) -> None:
    """What can be unpacked of a part that is cut off is written, and the report names it."""
    packed = gzip.compress(NOISE)
    host.write("app.log.1.gz", packed[: len(packed) // 2], 1)
    host.write("app.log", day(2), 2)
    written, report = host.text(host.take(), "app.log")
    assert written.endswith(day(2))
    beginning = written.removesuffix(day(2))
    assert NOISE.startswith(beginning)
    assert len(beginning) > len(NOISE) // 4
    assert [(event.kind, event.path[-12:]) for event in report.shortfalls] == [
        ("incomplete", b"app.log.1.gz")
    ]
    assert not report.damaged


def test_a_part_that_nothing_unpacks_is_named(host: Host) -> None:
    """A part of a kind that cannot be unpacked is left out, and the report names it."""
    host.write("app.log.1.lz4", b"\x04\x22\x4d\x18" + day(1), 1)
    host.write("app.log", day(2), 2)
    written, report = host.text(host.take(), "app.log")
    assert written == day(2)
    assert [event.kind for event in report.shortfalls] == ["incomplete"]


def test_a_whole_log_can_be_cut(host: Host) -> None:
    """With a moment, each part is cut: older ones stay whole, younger ones are empty."""
    for number, name in enumerate(("app.log.2.gz", "app.log.1", "app.log"), start=1):
        pack = gzip.compress if name.endswith(".gz") else bytes
        host.write(name, pack(day(number)), number)
    snapshot = host.take()
    rule = TrimRule(datetime(2026, 3, 2, 11, 30, tzinfo=UTC))
    text, report = host.text(snapshot, "app.log", rule)
    kept = day(2)[: day(2).index(b"2026-03-02T12")]
    assert text == day(1) + kept
    assert report.events == []
    early = TrimRule(datetime(2026, 2, 1, tzinfo=UTC))
    assert host.text(snapshot, "app.log", early)[0] == b""


def test_a_part_that_cannot_be_cut_is_named(host: Host) -> None:
    """A part whose times are in no known format is written whole, and named."""
    host.write("app.log.1", b"no times\n", 1)
    host.write("app.log", day(2), 2)
    rule = TrimRule(datetime(2026, 2, 1, tzinfo=UTC))
    text, report = host.text(host.take(), "app.log", rule)
    assert text == b"no times\n"
    assert [(event.kind, event.path[-9:]) for event in report.events] == [
        ("not-trimmed", b"app.log.1")
    ]
