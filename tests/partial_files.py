"""What a restore leaves of damaged files, held against what they were."""

from __future__ import annotations

import os
from pathlib import Path

import dedupstore
from sample_repository import Tree


def with_holes(data: bytes, missing: tuple[tuple[int, int], ...]) -> bytes:
    """Return the bytes of a file with zeros where some are missing."""
    rest = bytearray(data)
    for begin, end in missing:
        rest[begin:end] = bytes(end - begin)
    return bytes(rest)


def take_partial_files(
    tree: Tree, report: dedupstore.RestoreReport, whole: Tree, logs: Path
) -> Tree:
    """Return a restored tree without what is left of damaged files.

    Fail unless each of these is what the file was, but for the ranges that the report names, in
    order and apart; one of which nothing but holes is left must have no such file.
    """
    rest = dict(tree)
    for event in report.failed:
        if not isinstance(event, dedupstore.FileDamaged):
            continue
        original = whole[_name(event.path, logs)]
        ends = [0, *(end for _, end in event.missing)]
        begins = [*(begin for begin, _ in event.missing), len(original) + 1]
        if not event.missing or any(
            end >= begin for end, begin in zip(ends[1:], begins[1:], strict=True)
        ):
            raise AssertionError(f"the missing ranges are not in order: {event.missing}")
        if event.partial is None:
            if any(with_holes(original, event.missing)):
                raise AssertionError(f"nothing was kept of what is left: {event}")
        elif rest.pop(_name(event.partial, logs)) != with_holes(original, event.missing):
            raise AssertionError(f"what is left is not what the file was: {event}")
    return rest


def _name(path: bytes, logs: Path) -> str:
    return (Path("/") / os.fsdecode(path)).relative_to(logs).as_posix()
