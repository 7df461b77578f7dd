"""Finds the logs in folders of rotated files, and lays their texts out as days.

A log is known by days if there are several files of it: each is a day, and those whose paths have
the same date are one. All others are cut at line ends, unevenly, into as many days as are replayed.
`log_names` tells what belongs together; the same path in two folders is two logs.
"""

from __future__ import annotations

import gzip
import os
import random
import shutil
import stat
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from corpora import Corpus, Footprint
from log_names import Age, free_of_clashes, log_part, without_live_folder

_GZIP_ENDING = ".gz"
_OTHER_COMPRESSIONS = (".bz2", ".xz", ".zst", ".lz4", ".lzma", ".Z", ".zip", ".7z")
_UNEVENNESS = (0.5, 1.5)
_COPY_BYTES = 1 << 20


@dataclass(frozen=True)
class Day:
    """What a log takes in on one day: a file of its text, and the .gz that came of it, if any."""

    text: Path
    gz: Path | None = None


@dataclass(frozen=True)
class DailyLog:
    """A log and its days, oldest first; `path` is relative to the folder it is replayed in."""

    path: str
    days: Sequence[Day]


_Part = tuple[Age, Path]


def open_logs(path: Path) -> Corpus:
    """Return a folder of logs, or one log, with the size of what can be replayed of it.

    Raises OSError if there is nothing at `path`.
    """
    resolved = path.resolve(strict=True)
    statuses = [file.stat() for file in regular_files(resolved)]
    return Corpus(
        resolved.name or "root",
        resolved,
        Footprint(
            apparent_bytes=sum(status.st_size for status in statuses),
            allocated_bytes=sum(status.st_blocks * 512 for status in statuses),
            files=len(statuses),
        ),
    )


def daily_logs(
    sources: Sequence[Corpus], texts: Path, days: int, source: random.Random
) -> list[DailyLog]:
    """Return the logs in `sources`, each with its youngest `days` days or the fewer it has.

    Each log's path begins with the name of its source. The texts are written into the folder
    `texts`. `source` decides how texts are cut. A file that cannot be read as a text
    (another compression, a broken .gz, no permission) is told on stderr and left out.
    """
    found = _parts(sources)
    paths = free_of_clashes(found)
    logs = []
    for number, name in enumerate(sorted(found)):
        into = texts / f"{number:05}"
        into.mkdir(parents=True)
        parts = sorted(found[name])
        by_day = [
            [path for _, path in group]
            for _, group in groupby(parts, key=lambda part: part[0].day or part)
        ]
        written = [_write_day(files, into / f"day-{day:05}") for day, files in enumerate(by_day)]
        known = [day for day in written if day is not None][-days:]
        if len(by_day) == 1 and known:
            known = _cut_into_days(known[0].text, days, source)
        if known:
            logs.append(DailyLog(paths[name], known))
    return logs


def line_cuts(text: Path, parts: int, source: random.Random) -> list[int]:
    """Return `parts` + 1 offsets, from 0 to the end, that cut a text at line ends, unevenly.

    A line is never cut unless it is longer than 1 MiB, so of a text with few lines some parts are
    empty.
    """
    weights = [source.uniform(*_UNEVENNESS) for _ in range(parts)]
    size = text.stat().st_size
    cuts = [0]
    with text.open("rb") as lines:
        for part in range(1, parts):
            wanted = int(size * sum(weights[:part]) / sum(weights))
            if wanted > cuts[-1]:
                # The line that holds the byte before belongs to the part that ends here.
                lines.seek(wanted - 1)
                lines.readline(_COPY_BYTES)
                wanted = lines.tell()
            cuts.append(max(wanted, cuts[-1]))
    return [*cuts, size]


def copy_range(text: Path, begin: int, end: int, target: Path) -> None:
    """Append the bytes from `begin` to `end` of a text to the file `target`."""
    with text.open("rb") as source, target.open("ab") as sink:
        source.seek(begin)
        while begin < end:
            data = source.read(min(end - begin, _COPY_BYTES))
            if not data:
                raise EOFError(f"{text.name} got shorter")
            sink.write(data)
            begin += len(data)


def _parts(sources: Sequence[Corpus]) -> dict[str, list[_Part]]:
    """Return the files of every log with their ages, in no order."""
    found: dict[str, list[_Part]] = {}
    for corpus in sources:
        for path in regular_files(corpus.path):
            below = "" if path == corpus.path else f"{os.path.relpath(path, corpus.path)}"
            if path.name.endswith(_OTHER_COMPRESSIONS):
                _leave_out(path, "compressed, but not by gzip")
                continue
            part = log_part(below or corpus.name)
            log = f"{corpus.name}/{part.log}" if below else part.log
            found.setdefault(log, []).append((part.age, path))
    joined: dict[str, list[_Part]] = {}
    for log, parts in found.items():
        joined.setdefault(without_live_folder(log, found), []).extend(parts)
    return joined


def regular_files(root: Path) -> Iterator[Path]:
    """Yield the regular files below a folder, or the file `root`; what cannot be listed is told."""
    if root.is_file():
        yield root
        return

    def tell(error: OSError) -> None:
        _leave_out(Path(error.filename), error.strerror)

    for folder, _, names in os.walk(root, onerror=tell):
        for name in names:
            path = Path(folder, name)
            try:
                status = path.lstat()
            except OSError as error:
                _leave_out(path, error.strerror)
                continue
            if stat.S_ISREG(status.st_mode):
                yield path


def _write_day(files: Sequence[Path], text: Path) -> Day | None:
    """Write the texts of `files`, one behind the other; None if none can be read."""
    readable = []
    text.touch()
    for path in files:
        size = text.stat().st_size
        if _append_text(path, text):
            readable.append(path)
        else:
            os.truncate(text, size)
    if not readable:
        return None
    only = readable[0] if len(readable) == 1 else None
    return Day(text, gz=only if only and only.name.endswith(_GZIP_ENDING) else None)


def _append_text(path: Path, text: Path) -> bool:
    try:
        source = path.open("rb")
    except OSError as error:
        _leave_out(path, error.strerror)
        return False
    with source, text.open("ab") as sink:
        if not path.name.endswith(_GZIP_ENDING):
            shutil.copyfileobj(source, sink)
            return True
        try:
            with gzip.GzipFile(fileobj=source) as packed:
                shutil.copyfileobj(packed, sink)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            _leave_out(path, f"broken: {error}")
            return False
    return True


def _leave_out(path: Path, why: str | None) -> None:
    print(f"left out: {os.fspath(path)!r}: {why}", file=sys.stderr)


def _cut_into_days(text: Path, days: int, source: random.Random) -> list[Day]:
    cuts = line_cuts(text, days, source)
    cut = []
    for number in range(days):
        part = text.with_name(f"part-{number:05}")
        part.touch()
        copy_range(text, cuts[number], cuts[number + 1], part)
        cut.append(Day(part))
    text.unlink()
    return cut
