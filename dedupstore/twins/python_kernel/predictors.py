"""Which token a writer chooses next: zlib's choices (deflate.c), as a function of the text alone.

zlib works in a window that slides as input comes and output is taken. What it finds does not depend
on that: candidates are as far back as the window reaches, and a search sees at least 262 bytes
ahead, or all up to the next flush.
"""

from __future__ import annotations

from dedupstore.twins.python_kernel.alphabets import LENGTH_MASK
from dedupstore.twins.python_kernel.hash_chains import HashChains
from dedupstore.twins.python_kernel.plan import Matcher, StreamPlan
from dedupstore.twins.python_kernel.sliding_text import SlidingText

LOOKAHEAD_BYTES = 262
"""Text, and flush points, that must be known from a position on before it is predicted."""

_ENDLESS = 1 << 63
_NOTHING = -1
_TOO_FAR = 4096


def known_until(text: SlidingText, plan: StreamPlan) -> int:
    """Return the position before which tokens can be predicted."""
    if text.end in (plan.text_bytes, plan.open_flush):
        return text.end
    return text.end - LOOKAHEAD_BYTES + 1


class Predictor:
    """Predicts literals only; the base of the others.

    For each token, in order: `predict`, then `take` the token that it really was.

    Attributes:
        end: the next flush point, or the end of the text; no token reaches over it.
    """

    chains: HashChains | None = None

    def __init__(self, text: SlidingText, plan: StreamPlan) -> None:
        self.end = 0
        self._text = text
        self._plan = plan
        self._flushes_passed = 0
        self._era = 0
        self.refresh()

    def refresh(self) -> None:
        """Look at flush points and at the end of the text, some of which may be new."""
        plan = self._plan
        if self._flushes_passed < len(plan.flush_points):
            self.end = plan.flush_points[self._flushes_passed]
        elif plan.text_bytes is not None:
            self.end = plan.text_bytes
        else:
            self.end = _ENDLESS if plan.open_flush is None else plan.open_flush

    def predict(self, position: int) -> int:
        """Return the token that is expected at a position."""
        while position >= self.end:
            self._pass_flush()
        return self._text.data[position - self._text.begin]

    def take(self, position: int, length: int, *, predicted: bool) -> None:
        """Pass over a token; ``predicted`` tells whether it is what `predict` returned."""

    def _pass_flush(self) -> None:
        if self._plan.emptied[self._flushes_passed]:
            self._era = self.end
        self._flushes_passed += 1
        self.refresh()


class RunsPredictor(Predictor):
    """Predicts matches of distance 1 only (deflate_rle)."""

    def predict(self, position: int) -> int:
        """Return the token that is expected at a position."""
        literal = Predictor.predict(self, position)
        room = self.end - position
        if position == self._era or room < 3:
            return literal
        begin = position - self._text.begin
        run = self._text.data[begin - 1 : begin + min(room, 258)]
        length = len(run) - len(run.lstrip(run[:1])) - 1
        return 1 << 9 | length if length >= 3 else literal


class _ChainPredictor(Predictor):
    chains: HashChains

    def __init__(self, text: SlidingText, plan: StreamPlan) -> None:
        self.chains = HashChains(text, plan.parameters)
        Predictor.__init__(self, text, plan)
        self._parameters = plan.parameters

    def _pass_flush(self) -> None:
        flush = self.end
        Predictor._pass_flush(self)
        chains = self.chains
        if self._era == flush:
            chains.era = chains.next = flush
            return
        # The last two positions had no three bytes before the flush.
        chains.next = max(chains.next, flush - 2, chains.era)
        chains.insert_until(min(flush, self.end - 2))


class FastPredictor(_ChainPredictor):
    """Takes the first match that it finds (deflate_fast, levels 1 to 3)."""

    def predict(self, position: int) -> int:
        """Return the token that is expected at a position."""
        if position >= self.end:
            self._pass_flush()
        room = self.end - position
        if room >= 3:
            chains = self.chains
            chains.next = max(chains.next, position)
            chains.insert_until(position + 1)
            match = chains.longest_match(position, 2, room)
            if match:
                return match
        return self._text.data[position - self._text.begin]

    def take(self, position: int, length: int, *, predicted: bool) -> None:
        """Pass over a token; in a long one nothing is found later."""
        if length <= self._parameters.lazy and self.end - position - length >= 3:
            self.chains.insert_until(position + length)


class LazyPredictor(_ChainPredictor):
    """Takes a match only if there is no longer one at the next position (deflate_slow)."""

    def __init__(self, text: SlidingText, plan: StreamPlan) -> None:
        _ChainPredictor.__init__(self, text, plan)
        self._carried = self._to_carry = _NOTHING

    def predict(self, position: int) -> int:
        """Return the token that is expected at a position."""
        if position >= self.end:
            self._carried = _NOTHING
            self._pass_flush()
        room = self.end - position
        here = self._carried
        if here == _NOTHING:
            here = 0
            if room >= 3:
                self.chains.insert_until(position + 1)
                here = self._search(position, 2, room)
        following = 0
        if room >= 4:
            self.chains.insert_until(position + 2)
            following = self._search(position + 1, here & LENGTH_MASK or 2, room - 1)
        if here and not following:
            self._to_carry = _NOTHING
            return here
        self._to_carry = following
        return self._text.data[position - self._text.begin]

    def take(self, position: int, length: int, *, predicted: bool) -> None:
        """Pass over a token; what was found at the next position counts only if it was expected."""
        self._carried = self._to_carry if predicted else _NOTHING
        self.chains.insert_until(min(position + length, self.end - 2))

    def _search(self, position: int, shortest: int, room: int) -> int:
        parameters = self._parameters
        if shortest >= parameters.lazy:
            return 0
        match = self.chains.longest_match(position, shortest, room)
        length = match & LENGTH_MASK
        if 0 < length <= 5 and (parameters.filtered or (length == 3 and match >> 9 > _TOO_FAR)):
            return 0
        return match


_PREDICTORS: dict[Matcher, type[Predictor]] = {
    Matcher.NONE: Predictor,
    Matcher.FAST: FastPredictor,
    Matcher.LAZY: LazyPredictor,
    Matcher.RUNS: RunsPredictor,
}


def predictor_of(text: SlidingText, plan: StreamPlan) -> Predictor:
    """Return the predictor of a stream, before its first token."""
    return _PREDICTORS[plan.parameters.matcher](text, plan)
