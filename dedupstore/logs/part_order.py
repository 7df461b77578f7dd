"""In which order the parts of one log were written."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from dedupstore.logs.rotation_names import RotatedName, Scheme, rotated_name

# Two say little: the one that is just being compressed has the time of now.
_REVERSED_MIN = 3
_SCHEMES_WITH_ORDER = frozenset((Scheme.NUMBER, Scheme.DATE, Scheme.EPOCH))


class LogFile(NamedTuple):
    """A file of a log: its path, and when it was last written, in nanoseconds since 1970."""

    path: bytes
    mtime_ns: int


def oldest_first(log: bytes, files: Sequence[LogFile]) -> list[LogFile]:
    """Return the files of the log at the path ``log`` in the order in which they were written.

    The log itself is the youngest. The others go by the numbers or dates in their names, if all of
    them are named in one way, else by their times. By their times they also go where these are
    the exact reverse of what three names or more say: some programs give the youngest file the
    greatest number.
    """
    older = [file for file in files if file.path != log]
    youngest = [file for file in files if file.path == log]
    by_time = sorted(older, key=lambda file: (file.mtime_ns, file.path))
    names = {file.path: rotated_name(file.path) for file in older}
    schemes = {name.scheme for name in names.values()}
    if len(schemes) != 1 or not schemes <= _SCHEMES_WITH_ORDER:
        return by_time + youngest
    by_name = sorted(older, key=lambda file: (names[file.path].order, file.mtime_ns, file.path))
    return (by_time if _are_reversed(by_name, names) else by_name) + youngest


def _are_reversed(files: Sequence[LogFile], names: dict[bytes, RotatedName]) -> bool:
    """Tell whether each file was last written before the one in front of it."""
    latest = {names[file.path].order: file.mtime_ns for file in files}
    times = list(latest.values())
    return len(times) >= _REVERSED_MIN and all(before > after for before, after in pairwise(times))
