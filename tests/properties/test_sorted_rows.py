"""Sorting beyond memory: whatever the rows and however few fit, they come back in order."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dedupstore.index.sorted_rows import SortedRows

# Few distinct rows, so that many are alike; and many, so that few are.
ROWS = st.one_of(
    st.lists(st.sampled_from([b"aaa", b"aab", b"abb", b"zzz"]), max_size=300),
    st.lists(st.binary(min_size=3, max_size=3), max_size=300),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, in_memory=st.integers(1, 400), at_once=st.integers(1, 50))
def test_rows_come_back_sorted(
    rows: list[bytes], in_memory: int, at_once: int, tmp_path: Path
) -> None:
    """What is merged is what was added, in order, alike rows as often as they were added."""
    sorted_rows = SortedRows(str(tmp_path), 3, rows_in_memory=in_memory)
    for begin in range(0, len(rows), at_once):
        sorted_rows.add(rows[begin : begin + at_once])
    assert len(sorted_rows) == len(rows)
    assert [row for batch in sorted_rows.merged() for row in batch] == sorted(rows)
    sorted_rows.close()


def test_runs_have_no_name(tmp_path: Path) -> None:
    """Rows that do not fit into memory leave nothing in the folder that a crash could leave."""
    sorted_rows = SortedRows(str(tmp_path), 3, rows_in_memory=2)
    sorted_rows.add([b"ccc", b"bbb", b"aaa"])
    assert list(tmp_path.iterdir()) == []
    sorted_rows.close()


@pytest.mark.parametrize("runs", [1, 7, 100])
def test_little_is_held_while_runs_are_merged(runs: int, tmp_path: Path) -> None:
    """However many runs there are, what is yielded at once has no more rows than fit in memory."""
    sorted_rows = SortedRows(str(tmp_path), 4, rows_in_memory=1000)
    for run in range(runs):
        sorted_rows.add([(row * runs + run).to_bytes(4, "big") for row in range(1000)])
    # Of each run at least as many are read at once as make a read worth it.
    batch_rows_max = max(1000, 64 * runs)
    assert all(0 < len(batch) <= batch_rows_max for batch in sorted_rows.merged())
    sorted_rows.close()
