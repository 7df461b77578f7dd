"""Finds out what the writer of a stream was set to, from its first tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from dedupstore.twins.python_kernel.alphabets import LENGTH_MASK, LITERALS
from dedupstore.twins.python_kernel.inflater import InflatedBlock
from dedupstore.twins.python_kernel.plan import BlockType, Matcher, Parameters, StreamPlan
from dedupstore.twins.python_kernel.predictors import Predictor, predictor_of
from dedupstore.twins.python_kernel.recorder import WorkBudget
from dedupstore.twins.python_kernel.sliding_text import SlidingText
from dedupstore.twins.python_kernel.stream_rebuilder import skip_token

SAMPLE_TOKENS_MAX = 16_384
SAMPLE_TEXT_BYTES_MAX = 4 << 20
SAMPLE_BLOCKS_MAX = 4096
_SHORT_SAMPLE_TOKENS = 2048
_TRIAL_COMPARED_MAX = 1 << 26
_TRIAL_STEPS = 1000
"""What a trial takes to begin with, in `WorkBudget.spend`'s steps: as long as so many."""

_GOOD_ENOUGH = 256
"""Tokens for each correction from which on no other than zlib's own settings are tried."""


def _fast(good: int, lazy: int, nice: int, chain: int) -> Parameters:
    return Parameters(Matcher.FAST, good=good, lazy=lazy, nice=nice, chain=chain)


def _lazy(good: int, lazy: int, nice: int, chain: int) -> Parameters:
    return Parameters(Matcher.LAZY, good=good, lazy=lazy, nice=nice, chain=chain)


LEVELS = {
    1: _fast(4, 4, 8, 4),
    2: _fast(4, 5, 16, 8),
    3: _fast(4, 6, 32, 32),
    4: _lazy(4, 4, 16, 16),
    5: _lazy(8, 16, 32, 32),
    6: _lazy(8, 16, 128, 128),
    7: _lazy(8, 32, 128, 256),
    8: _lazy(32, 128, 258, 1024),
    9: _lazy(32, 258, 258, 4096),
}
"""zlib's and GNU gzip's settings of each level (``configuration_table``)."""

_LEVELS_BY_USE = (6, 9, 1, 5, 7, 8, 4, 3, 2)
_HASH_BITS = (15, 16, 14, 13, 12, 11, 10, 9, 8)
_LEVEL_OF_EXTRA_FLAGS = {2: 9, 4: 1}


@dataclass(slots=True)
class Sample:
    """The first part of a stream.

    Attributes:
        runs: tokens, or the length of a stored block, in order.
        end: the position in the text behind it.
        tokens: how many tokens it has.
        cut: whether no more is taken.
        whole: whether it is the whole stream.
    """

    runs: list[Sequence[int] | int] = field(default_factory=list)
    end: int = 0
    tokens: int = 0
    cut: bool = False
    whole: bool = False

    def add(self, block: InflatedBlock) -> None:
        """Take of the next block what still belongs to the sample."""
        if self.cut:
            return
        left = 0
        if block.type == BlockType.STORED:
            self.runs.append(block.text_bytes)
            self.end += block.text_bytes
        else:
            taken, self.end = _take_tokens(block.tokens, SAMPLE_TOKENS_MAX - self.tokens, self.end)
            self.runs.append(block.tokens[:taken])
            self.tokens += taken
            left = len(block.tokens) - taken
        self.whole = block.final and not left
        self.cut = (
            block.final
            or self.tokens >= SAMPLE_TOKENS_MAX
            or self.end >= SAMPLE_TEXT_BYTES_MAX
            or len(self.runs) >= SAMPLE_BLOCKS_MAX
        )

    def shorter(self, tokens_max: int) -> Sample:
        """Return the part up to a number of tokens."""
        short = Sample()
        for run in self.runs:
            if short.tokens == tokens_max:
                break
            if not isinstance(run, int):
                run = run[: tokens_max - short.tokens]
                short.tokens += len(run)
            short.runs.append(run)
        return short


def choose_parameters(
    sample: Sample, text: SlidingText, plan: StreamPlan, extra_flags: int, budget: WorkBudget
) -> Parameters:
    """Return the parameters with the fewest corrections in a sample.

    Args:
        sample: the first tokens.
        text: all its text and what is known behind it.
        plan: with the flush points that are known, and ``text_bytes`` if it is.
        extra_flags: what the header of the member says of the level.
        budget: what may be done for the file.

    Raises:
        Refused: the trials are too much work.
    """
    level = _LEVEL_OF_EXTRA_FLAGS.get(extra_flags, 6)
    if not sample.tokens:
        return Parameters(Matcher.NONE) if sample.whole else LEVELS[level]
    choice = _Choice(sample, text, plan, LEVELS[level], budget)
    for other in (level, *_LEVELS_BY_USE):
        choice.attempt(LEVELS[other])
    if choice.corrections * _GOOD_ENOUGH > sample.tokens:
        _try_other_settings(choice, sample)
    return choice.best


def empties_at_flushes(sample: Sample, plan: StreamPlan) -> int:
    """Return 1 if the dictionary seems to be emptied at flush points, else 0."""
    points = [point for point in plan.flush_points if point < sample.end]
    position = last = passed = 0
    for run in sample.runs:
        if isinstance(run, int):
            position += run
            continue
        for token in run:
            while passed < len(points) and points[passed] <= position:
                last = points[passed]
                passed += 1
            if token < LITERALS:
                position += 1
                continue
            if position - (token >> 9) < last:
                return 0
            position += token & LENGTH_MASK
    return 1 if points else 0


class _Choice:
    """The best of the parameters that were tried; the first of those that are as good."""

    def __init__(
        self,
        sample: Sample,
        text: SlidingText,
        plan: StreamPlan,
        first: Parameters,
        budget: WorkBudget,
    ) -> None:
        self.best = first
        self.corrections: float = math.inf
        self._sample = sample
        self._text = text
        self._plan = plan
        self._budget = budget
        self._tried: set[Parameters] = set()

    def attempt(self, parameters: Parameters) -> None:
        """Try parameters, unless they were tried or there are some that need no correction."""
        if self.corrections and parameters not in self._tried:
            self._tried.add(parameters)
            corrections = self.count(parameters, self._sample, self.corrections - 1)
            if corrections < self.corrections:
                self.best, self.corrections = parameters, corrections

    def attempt_filtered(self) -> None:
        """Try the best with Z_FILTERED."""
        if self.best.matcher == Matcher.LAZY:
            self.attempt(replace(self.best, filtered=True))

    def count(self, parameters: Parameters, sample: Sample, most: float) -> float:
        """Count the corrections in a sample; endless if above ``most``, or after too much work."""
        plan = replace(self._plan, parameters=parameters)
        predictor = predictor_of(self._text, plan)
        corrections = _count_corrections(predictor, sample, most)
        chains = predictor.chains
        self._budget.spend(_TRIAL_STEPS + (chains.next + chains.compared if chains else 0))
        return corrections


def _count_corrections(predictor: Predictor, sample: Sample, most: float) -> float:
    position = corrections = 0
    for run in sample.runs:
        if isinstance(run, int):
            end = position + run
            while position < end and predictor.chains:
                position = skip_token(predictor, position, end)
                if predictor.chains.compared > _TRIAL_COMPARED_MAX:
                    return math.inf
            position = end
            continue
        for token in run:
            predicted = predictor.predict(position) == token
            if not predicted:
                corrections += 1
                if corrections > most:
                    return math.inf
            if predictor.chains and predictor.chains.compared > _TRIAL_COMPARED_MAX:
                return math.inf
            length = 1 if token < LITERALS else token & LENGTH_MASK
            predictor.take(position, length, predicted=predicted)
            position += length
    return corrections


def _try_other_settings(choice: _Choice, sample: Sample) -> None:
    choice.attempt_filtered()
    choice.attempt(Parameters(Matcher.NONE))
    choice.attempt(Parameters(Matcher.RUNS))
    if choice.corrections:
        for parameters in _best_of_all_sizes(choice, sample):
            choice.attempt(parameters)
        choice.attempt_filtered()


def _best_of_all_sizes(choice: _Choice, sample: Sample) -> list[Parameters]:
    """Return the windows, hashes and levels with the fewest corrections in a shorter sample."""
    short = sample.shorter(_SHORT_SAMPLE_TOKENS)
    farthest = max(token >> 9 for run in sample.runs if not isinstance(run, int) for token in run)
    window_bits = next((bits for bits in range(9, 15) if farthest <= (1 << bits) - 262), 15)
    best: list[Parameters] = []
    fewest: float = math.inf
    for hash_bits in _HASH_BITS if window_bits < 15 else _HASH_BITS[1:]:
        for level in _LEVELS_BY_USE:
            parameters = replace(LEVELS[level], window_bits=window_bits, hash_bits=hash_bits)
            corrections = choice.count(parameters, short, fewest)
            if corrections < fewest:
                best, fewest = [], corrections
            if corrections < math.inf:
                best.append(parameters)
    return best


def _take_tokens(tokens: list[int], tokens_max: int, position: int) -> tuple[int, int]:
    """Return how many tokens a sample takes of a block, and the position behind them."""
    for index, token in enumerate(tokens):
        if index == tokens_max or position >= SAMPLE_TEXT_BYTES_MAX:
            return index, position
        position += 1 if token < LITERALS else token & LENGTH_MASK
    return len(tokens), position
