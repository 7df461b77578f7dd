"""Tells by its path which log a file is a part of, and how old a part.

Beside what names say about rotation, two layouts of folders are known: one folder a day or an hour
(`2024-01-31/`, `20240131/`, `2024/01/31/`, `2024/01/31/13/`), and Zeek's, where files in such
folders have the time of day in their names, and `current/` holds what is being written.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from typing import NamedTuple

from machine import PROJECT

try:
    from dedupstore.logs.rotation_names import Scheme, rotated_name
except ImportError:  # dedupstore is run by another Python; for names, the source will do
    sys.path.append(str(PROJECT))
    from dedupstore.logs.rotation_names import Scheme, rotated_name

_DATED_FOLDER = re.compile(
    r"(?:^|(?<=/))((?:19|20)\d\d)([-_/]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?:/([01]\d|2[0-3]))?/"
)
_TIMES_OF_DAY = re.compile(r"[-._](\d\d)[:-](\d\d)[:-](\d\d)[-_]\d\d[:-]\d\d[:-]\d\d(?=\.|$)")
_LIVE_FOLDER = "current"
# What a log's own rotated files are called when it is replayed.
_ROTATED = re.compile(r".*\.\d+(?:\.gz)?", re.DOTALL)

_OLDEST_FIRST = (Scheme.DATE, Scheme.EPOCH, Scheme.OLD, Scheme.NUMBER)
_YOUNGEST = len(_OLDEST_FIRST)
_DAY_SECONDS = 86_400


class Age(NamedTuple):
    """Sorts the files of one log from the oldest to the youngest.

    `day` is equal for files that one day wrote, where the path has a date; it is empty elsewhere.
    """

    rank: int
    day: tuple[int, ...]
    within: tuple[int, ...]


class LogPart(NamedTuple):
    """What a path says: the path of the log, and the age of the file."""

    log: str
    age: Age


def log_part(path: str) -> LogPart:
    """Return what a relative path, with `/` between folders, says about its file."""
    found = _DATED_FOLDER.search(path)
    date: tuple[int, ...] = ()
    if found is not None:
        date = tuple(int(number) for number in found.group(1, 3, 4, 5) if number is not None)
        path = path[: found.start()] + path[found.end() :]
        if times := _TIMES_OF_DAY.search(path):
            date += tuple(map(int, times.groups()))
            path = path[: times.start()] + path[times.end() :]
    age = Age(_YOUNGEST, (), ())
    name = rotated_name(os.fsencode(path))
    while name.scheme is not Scheme.LIVE:
        if name.scheme in _OLDEST_FIRST:
            age = _age(name.scheme, name.order)
        name = rotated_name(name.base)
    if date:
        age = _age(Scheme.DATE, date + age.within)
    return LogPart(os.fsdecode(name.base), age)


def without_live_folder(log: str, logs: Iterable[str]) -> str:
    """Return the log that a file in a folder `current` goes on, if it is one of `logs`."""
    folder, slash, name = log.rpartition(f"{_LIVE_FOLDER}/")
    rotated = folder + name
    begins_folder = not folder or folder.endswith("/")
    return rotated if slash and begins_folder and rotated in logs else log


def free_of_clashes(logs: Iterable[str]) -> dict[str, str]:
    """Return for each log a path under which all can be replayed beside each other.

    That is its own, but where it is a folder of another log, or looks like a rotated file.
    """
    own = set(logs)
    folders = {
        "/".join(log.split("/")[:depth]) for log in own for depth in range(log.count("/") + 1)
    }
    taken = own | folders
    free = {}
    for log in sorted(own):
        path = log
        while (path in folders) or _ROTATED.fullmatch(path) or (path != log and path in taken):
            path += ".log"
        taken.add(path)
        free[log] = path
    return free


def _age(scheme: Scheme, order: tuple[int, ...]) -> Age:
    rank = _OLDEST_FIRST.index(scheme)
    if scheme is Scheme.DATE:
        return Age(rank, order[:3], order[3:])
    if scheme is Scheme.EPOCH:
        return Age(rank, (order[0] // _DAY_SECONDS,), order)
    return Age(rank, (), order)
