"""Chunks that lie one after another in memory."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, Self


class Chunks(NamedTuple):
    """The chunks of `data` from `begin` on, of which `ends` has the end of each, ascending."""

    data: memoryview
    begin: int
    ends: Sequence[int]

    @classmethod
    def of_one(cls, data: memoryview) -> Self:
        """Return all of `data` as one chunk."""
        return cls(data, 0, (len(data),))

    def views(self) -> list[memoryview]:
        """Return the bytes of each chunk."""
        data = self.data
        return [data[begin:end] for begin, end in pairwise((self.begin, *self.ends))]

    def lengths(self) -> list[int]:
        """Return the length of each chunk in bytes."""
        return [end - begin for begin, end in pairwise((self.begin, *self.ends))]

    def part(self, first: int, stop: int) -> Self:
        """Return the chunks from number `first` to before number `stop`."""
        begin = self.ends[first - 1] if first else self.begin
        return type(self)(self.data, begin, self.ends[first:stop])
