"""Sorting more rows than memory holds: sorted runs in a file that has no name, then merged."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator

_ROWS_IN_MEMORY = 128 * 1024
_ROWS_AT_ONCE = 32 * 1024
_ROWS_READ_MIN = 64


class SortedRows:
    """Takes rows of ``row_bytes`` each in any order and gives them back sorted.

    At most ``rows_in_memory`` are held, at some 100 bytes each; beyond that, sorted runs go to a
    file in ``folder`` that has no name, so that nothing is left of it whatever ends the process.
    Runs are merged by sorting what of each comes before the first that would have to be read on:
    the sort finds the runs in it, and merges them without a step of Python for each row.

    All methods raise OSError as the file system does.
    """

    def __init__(
        self, folder: str, row_bytes: int, *, rows_in_memory: int = _ROWS_IN_MEMORY
    ) -> None:
        self._folder = folder
        self._row_bytes = row_bytes
        self._rows_in_memory = rows_in_memory
        self._rows: list[bytes] = []
        self._descriptor: int | None = None
        self._run_ends = [0]

    def __len__(self) -> int:
        """Return how many rows have been taken."""
        return self._run_ends[-1] + len(self._rows)

    def add(self, rows: Iterable[bytes]) -> None:
        """Take rows; whoever gives many at once sees to it that they fit into memory."""
        self._rows += rows
        if len(self._rows) >= self._rows_in_memory:
            self._write_run()

    def merged(self) -> Iterator[list[bytes]]:
        """Yield all rows in order, some ten thousand at once."""
        if len(self._run_ends) == 1:
            self._rows.sort()
            for begin in range(0, len(self._rows), _ROWS_AT_ONCE):
                yield self._rows[begin : begin + _ROWS_AT_ONCE]
            return
        if self._rows:
            self._write_run()
        yield from self._merged_runs()

    def close(self) -> None:
        """Give back memory and disk."""
        self._rows = []
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _write_run(self) -> None:
        if self._descriptor is None:
            path = os.path.join(self._folder, os.urandom(8).hex())
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o600)
            os.unlink(path)
        self._rows.sort()
        for begin in range(0, len(self._rows), _ROWS_AT_ONCE):
            pending = memoryview(b"".join(self._rows[begin : begin + _ROWS_AT_ONCE]))
            while pending:
                pending = pending[os.write(self._descriptor, pending) :]
        self._run_ends.append(len(self))
        self._rows = []

    def _merged_runs(self) -> Iterator[list[bytes]]:
        runs = len(self._run_ends) - 1
        rows_read = max(_ROWS_READ_MIN, min(self._rows_in_memory, _ROWS_AT_ONCE) // runs)
        open_runs = [
            _Run(self, begin, end, rows_read)
            for begin, end in zip(self._run_ends, self._run_ends[1:], strict=False)
        ]
        while open_runs:
            unread = [run.rows[-1] for run in open_runs if run.has_more]
            last = min(unread) if unread else None
            batch: list[bytes] = []
            for run in open_runs:
                batch += run.take_to(last)
            batch.sort()
            yield batch
            open_runs = [run for run in open_runs if run.rows or run.read_on()]

    def read(self, begin: int, end: int) -> list[bytes]:
        """Return some of the rows that have been written."""
        if self._descriptor is None:
            raise ValueError("no run has been written")
        width = self._row_bytes
        data = os.pread(self._descriptor, (end - begin) * width, begin * width)
        if len(data) != (end - begin) * width:
            raise OSError("a temporary file has been cut off")
        return [data[place : place + width] for place in range(0, len(data), width)]


class _Run:
    """A sorted run; ``rows`` are those that have been read and not taken."""

    def __init__(self, source: SortedRows, begin: int, end: int, rows_read: int) -> None:
        self._source = source
        self._next = begin
        self._end = end
        self._rows_read = rows_read
        self.rows: list[bytes] = []
        self.read_on()

    @property
    def has_more(self) -> bool:
        """Whether some have not been read yet."""
        return self._next < self._end

    def read_on(self) -> bool:
        """Read the next rows; return whether there were any."""
        begin, self._next = self._next, min(self._end, self._next + self._rows_read)
        self.rows = self._source.read(begin, self._next)
        return bool(self.rows)

    def take_to(self, last: bytes | None) -> list[bytes]:
        """Take the rows up to ``last``; all that have been read where there is none."""
        count = len(self.rows) if last is None else bisect_right(self.rows, last)
        taken, self.rows = self.rows[:count], self.rows[count:]
        return taken
