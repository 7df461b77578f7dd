"""Rebuilds one deflate stream from its text and its plan."""

from __future__ import annotations

import math

from dedupstore.errors import FormatError
from dedupstore.twins.python_kernel.alphabets import LENGTH_MASK, LITERALS
from dedupstore.twins.python_kernel.block_writer import BitWriter, write_stored, write_tokens
from dedupstore.twins.python_kernel.corrections import CorrectionReader
from dedupstore.twins.python_kernel.plan import Block, BlockType, StreamPlan
from dedupstore.twins.python_kernel.predictors import Predictor, known_until, predictor_of
from dedupstore.twins.python_kernel.sliding_text import SlidingText


class StreamRebuilder:
    """Follows the plan of a stream as far as text and plan are there.

    Attributes:
        position: in the text, behind the last token.
    """

    def __init__(self, text: SlidingText, plan: StreamPlan) -> None:
        self.position = 0
        self._text = text
        self._plan = plan
        self._writer = BitWriter()
        self._predictor = predictor_of(text, plan)
        self._blocks_done = 0
        self._stored_begin: int | None = None
        self._tokens: list[int] = []
        self._fixes = CorrectionReader(plan.corrections)

    def advance(self, bytes_enough: float = math.inf) -> bytes:
        """Return what can be written now of the stream; ``done`` tells whether that was all.

        When ``bytes_enough`` are written, no further block is.

        Raises:
            FormatError: the plan breaks a rule, or the text does not fit it.
        """
        self._predictor.refresh()
        self._fixes.refresh()
        blocks = self._plan.blocks
        while self._blocks_done < len(blocks) and self._writer.written_bytes < bytes_enough:
            block = blocks[self._blocks_done]
            # While a plan is being made, its last block is known when the length of its text is.
            final = self._plan.text_bytes is not None and self._blocks_done == len(blocks) - 1
            if block.type == BlockType.STORED:
                complete = self._write_stored(block, final=final)
            else:
                complete = self._write_tokens(block, final=final)
            if not complete:
                break
            self._blocks_done += 1
        if self.done:
            self._check_end()
        return self._writer.take()

    @property
    def done(self) -> bool:
        """Whether all blocks of a complete plan have been written."""
        return self._plan.text_bytes is not None and self._blocks_done == len(self._plan.blocks)

    @property
    def text_needed_from(self) -> int:
        """The position in the text before which only matches reach."""
        return self.position if self._stored_begin is None else self._stored_begin

    def _check_end(self) -> None:
        if self.position != self._plan.text_bytes:
            raise FormatError("the blocks of a recipe hold less than its text")
        self._fixes.check_used()
        self._writer.write_bytes(b"")

    def _write_stored(self, block: Block, *, final: bool) -> bool:
        if self._stored_begin is None:
            self._stored_begin = self.position
        end = self._stored_begin + block.count
        if self._plan.text_bytes is not None and end > self._plan.text_bytes:
            raise FormatError("the blocks of a recipe hold more than its text")
        can_predict = min(known_until(self._text, self._plan), end)
        if self._predictor.chains is None:
            self.position = max(self.position, can_predict)
        while self.position < can_predict:
            self.position = skip_token(self._predictor, self.position, end)
        if self.position < end:
            return False
        write_stored(self._writer, self._text.part(self._stored_begin, end), final=final)
        self._stored_begin = None
        return True

    def _write_tokens(self, block: Block, *, final: bool) -> bool:
        tokens, predictor, fixes = self._tokens, self._predictor, self._fixes
        position, can_predict = self.position, known_until(self._text, self._plan)
        while len(tokens) < block.count:
            if position >= can_predict:
                self.position = position
                if position == self._plan.text_bytes:
                    raise FormatError("the blocks of a recipe hold more than its text")
                return False
            token = predictor.predict(position)
            predicted = fixes.right != fixes.due
            if predicted:
                fixes.right += 1
            else:
                token = fixes.apply(self._text, predictor, position, token)
            tokens.append(token)
            length = 1 if token < LITERALS else token & LENGTH_MASK
            predictor.take(position, length, predicted=predicted)
            position += length
        self.position = position
        write_tokens(self._writer, block, tokens, final=final)
        self._tokens = []
        return True


def skip_token(predictor: Predictor, position: int, end: int) -> int:
    """Pass over what is predicted at a position of a stored block; return what is behind it.

    zlib chose tokens there, too, and wrote the text instead. What would reach over the ``end`` of
    the block is cut.
    """
    token = predictor.predict(position)
    length = 1 if token < LITERALS else token & LENGTH_MASK
    cut = min(length, end - position)
    predictor.take(position, cut, predicted=cut == length)
    return position + cut
