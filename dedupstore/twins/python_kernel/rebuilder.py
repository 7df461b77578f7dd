"""Rebuilds gzip files from recipes and their texts."""

from __future__ import annotations

from dedupstore.errors import FormatError
from dedupstore.twins.python_kernel.plan import StreamPlan
from dedupstore.twins.python_kernel.recipe import decode_recipe
from dedupstore.twins.python_kernel.sliding_text import SlidingText
from dedupstore.twins.python_kernel.stream_rebuilder import StreamRebuilder

BUILT_BYTES_AT_ONCE = 1 << 20
"""What is built at once, besides the block or the verbatim bytes that go beyond it."""


class Rebuilder:
    """Follows one recipe.

    Every method raises FormatError where the recipe breaks a rule or the text does not fit it, and
    UnsupportedFormat where the recipe is of a newer version.
    """

    def __init__(self, recipe: bytes) -> None:
        self._sections = decode_recipe(bytes(recipe))
        self._section = 0
        self._coming = bytearray()
        self._text = SlidingText()
        self._stream: StreamRebuilder | None = None

    def feed(self, plain: bytes | bytearray | memoryview, /) -> bytes:
        """Take the next bytes of the text; return some of the file that follow from them.

        There may be more, up to when this returns nothing for no text.
        """
        self._coming += memoryview(plain).cast("B")
        rebuilt = bytearray()
        while self._section < len(self._sections) and len(rebuilt) < BUILT_BYTES_AT_ONCE:
            section = self._sections[self._section]
            if isinstance(section, bytes):
                rebuilt += section
                self._section += 1
                continue
            rebuilt += self._advance(section)
            if self._stream is not None:
                break
        if self._coming and self._section == len(self._sections):
            raise FormatError("a text is longer than its recipe says")
        return bytes(rebuilt)

    def finish(self) -> bytes:
        """Return some of the last bytes of the file; all, when nothing more is returned."""
        rebuilt = self.feed(b"")
        if self._section < len(self._sections) and len(rebuilt) < BUILT_BYTES_AT_ONCE:
            raise FormatError("a text is shorter than its recipe says")
        return rebuilt

    def _advance(self, plan: StreamPlan) -> bytes:
        count = max(0, (plan.text_bytes or 0) - self._text.end)
        self._text.data += self._coming[:count]
        del self._coming[:count]
        if self._stream is None:
            self._stream = StreamRebuilder(self._text, plan)
        rebuilt = self._stream.advance(BUILT_BYTES_AT_ONCE)
        if self._stream.done:
            self._stream = None
            self._text = SlidingText()
            self._section += 1
        else:
            self._text.forget(self._stream.text_needed_from)
        return rebuilt
