"""Turning the paths a user names into the roots of a walk."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dedupstore.errors import UsageError
from dedupstore.format.entry import path_sort_key
from dedupstore.limits import MIB

RECORDED_PATHS_BYTES_MAX = 1 * MIB
"""A snapshot record names no more bytes of paths."""

_PATH_OVERHEAD_BYTES = 16


def resolve_roots(paths: Sequence[bytes]) -> list[bytes]:
    """Return the absolute paths to walk, in path order, none below another.

    Paths are made absolute and normal by their text alone: symbolic links are not followed, so
    that a snapshot shows the names its user knows.

    Raises:
        UsageError: there are no paths, or one is empty or holds a NUL.
    """
    if not paths:
        raise UsageError("no paths to take a snapshot of")
    absolute = set()
    for path in paths:
        if not path or b"\0" in path:
            raise UsageError(f"not a path: {path!r}")
        # POSIX lets "//" mean something of its own; here it is the root.
        absolute.add(b"/" + os.path.abspath(path).lstrip(b"/"))
    roots: list[bytes] = []
    for path in sorted(absolute, key=path_sort_key):
        if not roots or not _lies_below(path, roots[-1]):
            roots.append(path)
    return roots


def recorded_paths(roots: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the paths that a snapshot record names: ``roots``, or what holds them all.

    Records are kept, and read, by the thousand: a hundred thousand paths are not for them.
    """
    if sum(len(root) + _PATH_OVERHEAD_BYTES for root in roots) <= RECORDED_PATHS_BYTES_MAX:
        return tuple(roots)
    return (os.path.commonpath(roots),)


def _lies_below(path: bytes, folder: bytes) -> bool:
    return path.startswith(folder.rstrip(b"/") + b"/")
