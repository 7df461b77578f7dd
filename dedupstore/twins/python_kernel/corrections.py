"""Saying and reading the tokens that are not as predicted."""

from __future__ import annotations

from dedupstore.errors import FormatError
from dedupstore.twins.python_kernel.alphabets import LENGTH_MASK, LITERALS
from dedupstore.twins.python_kernel.plan import Corrections, Fix
from dedupstore.twins.python_kernel.predictors import Predictor
from dedupstore.twins.python_kernel.sliding_text import SlidingText
from dedupstore.twins.python_kernel.varint import varint_bytes

_NEVER = -1


class CorrectionReader:
    """Reads corrections one after the other.

    Attributes:
        right: tokens that were as predicted since the last correction.
        due: how many of them there are before the next one; -1 if none is known.
    """

    def __init__(self, corrections: Corrections) -> None:
        self.right = 0
        self.due = _NEVER
        self._corrections = corrections
        self._read = self._lengths_read = self._hops_read = self._distances_read = 0
        self.refresh()

    def refresh(self) -> None:
        """Look at the next correction, which may be new."""
        gaps = self._corrections.gaps
        self.due = gaps[self._read] if self._read < len(gaps) else _NEVER

    def apply(self, text: SlidingText, predictor: Predictor, position: int, predicted: int) -> int:
        """Return the token that stands in place of the predicted one, by the next correction.

        Raises:
            FormatError: it breaks a rule, or the text does not fit it.
        """
        kind = self._corrections.kinds[self._read]
        if kind == Fix.LITERAL:
            token = text.data[position - text.begin]
        else:
            token = self._match(Fix(kind), predictor, position, predicted)
            length, source = token & LENGTH_MASK, position - (token >> 9)
            if text.part(position, position + length) != text.part(source, source + length):
                raise FormatError("a match of a recipe is not in the text")
        if token == predicted:
            raise FormatError("a recipe corrects what is right")
        self._read += 1
        self.right = 0
        self.refresh()
        return token

    def check_used(self) -> None:
        """Check that no correction is left over.

        Raises:
            FormatError: one is.
        """
        if self.due != _NEVER:
            raise FormatError("a recipe has corrections behind the end of its text")

    def _match(self, kind: Fix, predictor: Predictor, position: int, predicted: int) -> int:
        corrections = self._corrections
        length = corrections.lengths[self._lengths_read]
        self._lengths_read += 1
        if length > predictor.end - position:
            raise FormatError("a match of a recipe reaches over a flush point or the end")
        if kind == Fix.LENGTH:
            if predicted < LITERALS:
                raise FormatError("a recipe corrects the length of a literal")
            return predicted & ~LENGTH_MASK | length
        if kind == Fix.HOP:
            hop = corrections.hops[self._hops_read]
            self._hops_read += 1
            chains = predictor.chains
            distance = chains.distance_of(position, length, hop) if chains else None
            if distance is None:
                raise FormatError("a match of a recipe is not in the chains")
        else:
            distance = corrections.distances[self._distances_read]
            self._distances_read += 1
            if distance > position:
                raise FormatError("a match of a recipe reaches before the begin of the text")
        return distance << 9 | length


class CorrectionRecorder:
    """Makes the corrections of a stream.

    Attributes:
        right: tokens that were as predicted since the last correction.
        encoded_bytes: what the corrections take in the recipe, without their kinds.
    """

    def __init__(self, corrections: Corrections) -> None:
        self.right = 0
        self.encoded_bytes = 0
        self._corrections = corrections

    def record(self, predictor: Predictor, position: int, token: int, predicted: int) -> None:
        """Record that a token was another one than predicted."""
        corrections = self._corrections
        corrections.gaps.append(self.right)
        self.encoded_bytes += varint_bytes(self.right)
        self.right = 0
        if token < LITERALS:
            corrections.kinds.append(Fix.LITERAL)
            return
        length, distance = token & LENGTH_MASK, token >> 9
        corrections.lengths.append(length)
        self.encoded_bytes += 1
        if predicted >= LITERALS and predicted >> 9 == distance:
            corrections.kinds.append(Fix.LENGTH)
            return
        chains = predictor.chains
        hop = chains.hop_of(position, length, distance) if chains else None
        if hop is None:
            corrections.kinds.append(Fix.DISTANCE)
            corrections.distances.append(distance)
            self.encoded_bytes += varint_bytes(distance - 1)
        else:
            corrections.kinds.append(Fix.HOP)
            corrections.hops.append(hop)
            self.encoded_bytes += varint_bytes(hop)
