"""Reads a gzip file, makes its recipe, and proves it."""

from __future__ import annotations

import math
import zlib

from dedupstore.limits import RECIPE_BYTES_MAX
from dedupstore.twins.python_kernel.file_bytes import FileBytes, Reading, Refused
from dedupstore.twins.python_kernel.gzip_header import (
    GARBAGE_BYTES_MAX,
    MAGIC,
    TRAILER_BYTES,
    extra_flags,
    read_header,
)
from dedupstore.twins.python_kernel.inflater import Inflater
from dedupstore.twins.python_kernel.plan import Section
from dedupstore.twins.python_kernel.recipe import decode_recipe, encode_recipe, encode_section
from dedupstore.twins.python_kernel.recorder import WorkBudget
from dedupstore.twins.python_kernel.sliding_text import SlidingText
from dedupstore.twins.python_kernel.stream_prover import StreamProver

SMALL_FILE_BYTES = 65_536
"""Whether the recipe of such a file is too large is left to whoever stores it."""

RECIPE_SHARE = 5
"""A recipe of more than a fifth of its file is too large."""

_WORD = 0xFFFFFFFF


class Prover:
    """Makes the recipe of one file and proves it by rebuilding.

    Attributes:
        refused: whether it is certain that there will be no recipe.
        refusal: why there is none, in a few words; empty while nothing is wrong.

    Args:
        steps_max: see `WorkBudget`.
    """

    def __init__(self, steps_max: float = math.inf) -> None:
        self.refused = False
        self.refusal = ""
        self._source = FileBytes()
        self._not_rebuilt = bytearray()
        self._file_bytes = 0
        self._sections: list[Section] = []
        self._sections_bytes = 0
        self._text_bytes = 0
        self._budget = WorkBudget(steps_max)
        self._reading = self._read_file()
        self._recipe = b""

    def feed(self, data: bytes | bytearray | memoryview, /) -> None:
        """Take the next bytes of the file."""
        if self.refused:
            return
        view = memoryview(data).cast("B")
        self._source.data += view
        self._not_rebuilt += view
        self._file_bytes += len(view)
        self._read_on()

    def finish(self) -> tuple[bytes, int] | None:
        """Return the recipe and the length of the text, or None if there is none."""
        if not self.refused:
            self._source.ended = True
            self._read_on()
        return None if self.refused else (self._recipe, self._text_bytes)

    def _read_on(self) -> None:
        try:
            next(self._reading, None)
        except Refused as refusal:
            self.refused, self.refusal = True, str(refusal)
            self._source = FileBytes()
            self._not_rebuilt = bytearray()
            self._sections = []

    def _read_file(self) -> Reading[None]:
        source = self._source
        between = b""
        magic = yield from source.peek(len(MAGIC))
        if magic != MAGIC:
            raise Refused("not gzip")
        while magic == MAGIC:
            header = yield from read_header(source)
            self._append_verbatim(between + header)
            between = yield from self._read_member(extra_flags(header))
            magic = yield from source.peek(len(MAGIC))
        garbage = yield from source.peek(GARBAGE_BYTES_MAX + 1)
        if len(garbage) > GARBAGE_BYTES_MAX:
            raise Refused("garbage too long")
        self._append_verbatim(between + garbage)
        self._finish_recipe()

    def _append_verbatim(self, data: bytes) -> None:
        self._sections.append(data)
        self._sections_bytes += len(encode_section(data))
        self._compare(data)

    def _read_member(self, flags: int) -> Reading[bytes]:
        """Read the stream and the trailer of a member; return the trailer."""
        source, text = self._source, SlidingText()
        inflater = Inflater(source, text, self._text_bytes)
        stream = StreamProver(text, flags, self._budget)
        checksum, final = 0, False
        while not final:
            block = yield from inflater.read_block()
            checksum = zlib.crc32(text.part(text.end - block.text_bytes, text.end), checksum)
            self._compare(stream.take(block))
            self._check_cost(self._sections_bytes + stream.encoded_bytes)
            source.forget()
            final = block.final
        trailer = yield from source.take_bytes(TRAILER_BYTES)
        right = checksum.to_bytes(4, "little") + (text.end & _WORD).to_bytes(4, "little")
        if trailer != right:
            raise Refused("damaged")
        source.forget()
        self._text_bytes += text.end
        self._sections.append(stream.plan)
        self._sections_bytes += len(encode_section(stream.plan))
        return trailer

    def _check_cost(self, recipe_bytes: int) -> None:
        consumed = self._source.consumed_bytes
        if recipe_bytes > RECIPE_BYTES_MAX or (
            consumed > SMALL_FILE_BYTES and recipe_bytes * RECIPE_SHARE > consumed
        ):
            raise Refused("recipe too large")

    def _compare(self, rebuilt: bytes) -> None:
        """Check that what was rebuilt is what stands in the file at the same place."""
        count = len(rebuilt)
        if self._not_rebuilt[:count] != rebuilt:
            raise Refused("not rebuilt")
        del self._not_rebuilt[:count]

    def _finish_recipe(self) -> None:
        recipe = encode_recipe(self._sections)
        size = self._file_bytes
        if len(recipe) > RECIPE_BYTES_MAX or (
            size > SMALL_FILE_BYTES and len(recipe) * RECIPE_SHARE > size
        ):
            raise Refused("recipe too large")
        if self._not_rebuilt or decode_recipe(recipe) != self._sections:
            raise Refused("not rebuilt")
        self._recipe = recipe
