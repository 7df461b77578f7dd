"""The bytes of the file that is being proved: they come in pieces and are read bit by bit.

Who reads is a generator that yields when it needs more than has come. What it makes of the bytes
does not depend on the pieces.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")
Reading = Generator[None, None, T]
"""Yields whenever more bytes are needed; returns what was read."""


class Refused(Exception):
    """There will be no recipe; the text says why in a few words."""


class FileBytes:
    """The part of a file that has come and has not been read.

    Attributes:
        data: its bytes, and some that have been read.
        bit: the next bit in ``data``.
        ended: whether no more comes.
    """

    def __init__(self) -> None:
        self.data = bytearray()
        self.bit = 0
        self.ended = False
        self._forgotten_bytes = 0

    @property
    def consumed_bytes(self) -> int:
        """How many bytes of the file have been read, the last one maybe in part."""
        return self._forgotten_bytes + (self.bit + 7) // 8

    @property
    def left_bits(self) -> int:
        """How many bits are there."""
        return 8 * len(self.data) - self.bit

    def forget(self) -> None:
        """Give up what has been read."""
        count = self.bit // 8
        del self.data[:count]
        self.bit -= 8 * count
        self._forgotten_bytes += count

    def more(self) -> Reading[None]:
        """Wait for more bytes.

        Raises:
            Refused: there are none.
        """
        if self.ended:
            raise Refused("truncated")
        yield

    def take_bits(self, count: int) -> Reading[int]:
        """Read a number of some bits."""
        while self.left_bits < count:
            yield from self.more()
        begin, shift = divmod(self.bit, 8)
        self.bit += count
        whole = int.from_bytes(self.data[begin : begin + (count + 14) // 8], "little")
        return whole >> shift & (1 << count) - 1

    def take_bytes(self, count: int) -> Reading[bytes]:
        """Read bytes, at a border between bytes."""
        while self.left_bits < 8 * count:
            yield from self.more()
        begin = self.bit // 8
        self.bit += 8 * count
        return bytes(self.data[begin : begin + count])

    def peek(self, count: int) -> Reading[bytes]:
        """Return the next bytes, fewer where the file ends, without reading them."""
        while self.left_bits < 8 * count and not self.ended:
            yield
        begin = self.bit // 8
        return bytes(self.data[begin : begin + count])

    def peek_bit_text(self, count: int) -> Reading[str]:
        """Return bits, fewer where the file ends, as a text of 0 and 1 without reading them."""
        while self.left_bits < count and not self.ended:
            yield
        begin, shift = divmod(self.bit, 8)
        part = self.data[begin : begin + (count + 14) // 8]
        number = int.from_bytes(part, "little") >> shift
        return f"{number:0{8 * len(part) - shift}b}"[::-1] if len(part) else ""

    def skip_to_byte(self) -> Reading[None]:
        """Pass over the bits up to the next border between bytes.

        Raises:
            Refused: they are not 0, and would be lost.
        """
        if (yield from self.take_bits(-self.bit % 8)):
            raise Refused("unusual bits")
