"""In which order the parts of a log are put together."""

from __future__ import annotations

import random

import pytest

from dedupstore.logs.part_order import LogFile, oldest_first

DAY_NS = 86_400 * 1_000_000_000


def order(log: str, files: dict[str, int]) -> list[str]:
    """Return the paths of files, given with their days, oldest first; however they are met."""
    given = [LogFile(path.encode(), day * DAY_NS) for path, day in files.items()]
    found = [[file.path.decode() for file in oldest_first(log.encode(), given)]]
    for seed in range(3):
        random.Random(seed).shuffle(given)
        found.append([file.path.decode() for file in oldest_first(log.encode(), given)])
    assert found[1:] == found[:-1]
    return found[0]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a.log": 9, "a.log.1": 8, "a.log.2.gz": 7, "a.log.10.gz": 1}, "10.gz 2.gz 1"),
        # the times of all are those of a copy, or of a rotation that touched them
        ({"a.log": 5, "a.log.1": 5, "a.log.2": 5, "a.log.3": 5}, "3 2 1"),
        ({"a.log": 9, "a.log.1": 3, "a.log.2": 3, "a.log.3": 8}, "3 2 1"),
        # the older one is just being compressed
        ({"a.log": 9, "a.log.1": 8, "a.log.2.gz": 9}, "2.gz 1"),
        # the greatest number is the youngest
        ({"a.log": 9, "a.log.1": 1, "a.log.2": 2, "a.log.3": 3}, "1 2 3"),
        ({"a.log": 9, "a.log.20260228": 1, "a.log.20260301": 2}, "20260228 20260301"),
        ({"a.log": 9, "a.log.20260228": 2, "a.log.20260301": 2}, "20260228 20260301"),
        # named in two ways: only the times say more
        ({"a.log": 9, "a.log.1": 5, "a.log.20260228": 1, "a.log.old": 7}, "20260228 1 old"),
        ({"a.log": 1, "a.log.1": 5}, "1"),
    ],
)
def test_parts_are_put_in_order(files: dict[str, int], expected: str) -> None:
    """Names tell the order if all are of one kind and the times do not say the exact reverse."""
    assert order("a.log", files) == [*(f"a.log.{end}" for end in expected.split()), "a.log"]


def test_a_log_may_be_gone() -> None:
    """The parts of a log are in order without the log itself, and a log is so without parts."""
    assert order("a.log", {"a.log.1": 2, "a.log.2": 1}) == ["a.log.2", "a.log.1"]
    assert order("a.log", {"a.log": 1}) == ["a.log"]
    assert order("a.log", {}) == []
