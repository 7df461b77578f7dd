"""Records what the predictions of a stream's tokens do not say."""

from __future__ import annotations

import math
from collections import Counter

from dedupstore.twins.python_kernel.alphabets import LENGTH_MASK, LITERALS
from dedupstore.twins.python_kernel.block_writer import trees_of_tokens
from dedupstore.twins.python_kernel.corrections import CorrectionRecorder
from dedupstore.twins.python_kernel.file_bytes import Refused
from dedupstore.twins.python_kernel.inflater import InflatedBlock
from dedupstore.twins.python_kernel.plan import Block, BlockType, StreamPlan
from dedupstore.twins.python_kernel.predictors import Predictor, known_until, predictor_of
from dedupstore.twins.python_kernel.recipe import append_block
from dedupstore.twins.python_kernel.sliding_text import SlidingText
from dedupstore.twins.python_kernel.stream_rebuilder import skip_token

COMPARED_MIN = 1 << 26
COMPARED_PER_BYTE = 64


class WorkBudget:
    """What may be done for a file: so many candidates compared for each byte of its text.

    Attributes:
        compared: candidates of the streams before this one.
        text_bytes: the length of the texts of the streams before this one.

    Args:
        steps_max: how many positions may be inserted and candidates compared in all, trials and
            all. That is no part of the format: it bounds the time that this kernel takes.
    """

    def __init__(self, steps_max: float = math.inf) -> None:
        self.compared = 0
        self.text_bytes = 0
        self._steps_left = steps_max

    @property
    def unchecked(self) -> float:
        """How many may be compared for the next stream whatever its text."""
        return min(COMPARED_MIN - self.compared, self._steps_left)

    def spend(self, steps: int) -> None:
        """Take note of steps.

        Raises:
            Refused: they are too many.
        """
        self._steps_left -= steps
        if self._steps_left < 0:
            raise Refused("too much work")

    def check(self, compared: int, position: int) -> None:
        """Check what has been compared for a stream up to a position in its text.

        Raises:
            Refused: it is more than any honest file needs, or than this kernel can do.
        """
        if compared > self._steps_left:
            raise Refused("too much work")
        compared += self.compared
        if compared > COMPARED_MIN + COMPARED_PER_BYTE * (self.text_bytes + position):
            raise Refused("too much work")


class Recorder:
    """Makes the plan of one stream, block by block.

    Attributes:
        position: in the text, behind the last token.
    """

    def __init__(self, text: SlidingText, plan: StreamPlan, budget: WorkBudget) -> None:
        self.position = 0
        self._plan = plan
        self._budget = budget
        self._predictor: Predictor = predictor_of(text, plan)
        self._text = text
        self._corrections = CorrectionRecorder(plan.corrections)
        self._blocks_bytes = 0
        self._tokens_done = 0
        self._stored_end: int | None = None

    @property
    def encoded_bytes(self) -> int:
        """What blocks and corrections take in the recipe; what is packed is not counted."""
        return self._blocks_bytes + self._corrections.encoded_bytes

    @property
    def compared(self) -> int:
        """How many candidates have been compared."""
        chains = self._predictor.chains
        return chains.compared if chains else 0

    def record(self, block: InflatedBlock) -> bool:
        """Record the next block, as far as its tokens can be predicted; return whether it is done.

        It is to be the same until it is done.

        Raises:
            Refused: too many candidates had to be compared.
        """
        self._predictor.refresh()
        if block.type == BlockType.STORED:
            done = self._skip_stored(block)
        else:
            done = self._record_tokens(block)
        if done:
            self._append(block)
        return done

    def _record_tokens(self, block: InflatedBlock) -> bool:
        predictor, corrections = self._predictor, self._corrections
        chains, unchecked = predictor.chains, self._budget.unchecked
        position, tokens = self.position, block.tokens
        can_predict = known_until(self._text, self._plan)
        for index in range(self._tokens_done, len(tokens)):
            if position >= can_predict:
                self._tokens_done, self.position = index, position
                return False
            token = tokens[index]
            expected = predictor.predict(position)
            predicted = token == expected
            if predicted:
                corrections.right += 1
            else:
                corrections.record(predictor, position, token, expected)
            length = 1 if token < LITERALS else token & LENGTH_MASK
            predictor.take(position, length, predicted=predicted)
            position += length
            if chains is not None and chains.compared > unchecked:
                self._budget.check(chains.compared, position)
        self._tokens_done, self.position = 0, position
        return True

    def _skip_stored(self, block: InflatedBlock) -> bool:
        if self._stored_end is None:
            self._stored_end = self.position + block.text_bytes
        end = self._stored_end
        can_predict = min(end, known_until(self._text, self._plan))
        chains, unchecked = self._predictor.chains, self._budget.unchecked
        if chains is None:
            self.position = max(self.position, can_predict)
        while self.position < can_predict:
            self.position = skip_token(self._predictor, self.position, end)
            if chains is not None and chains.compared > unchecked:
                self._budget.check(chains.compared, self.position)
        if self.position < end:
            return False
        self._stored_end = None
        return True

    def _append(self, block: InflatedBlock) -> None:
        blocks = self._plan.blocks
        stored = block.type == BlockType.STORED
        own_trees = ""
        if block.header and block.header != trees_of_tokens(Counter(block.tokens)).header:
            own_trees = block.header
        count = block.text_bytes if stored else len(block.tokens)
        recorded = Block(block.type, count, own_trees)
        encoded = bytearray()
        append_block(encoded, recorded, blocks[-1].count if blocks else -1)
        self._blocks_bytes += len(encoded)
        blocks.append(recorded)
