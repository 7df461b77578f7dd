"""Makes the plan of one stream and follows it right behind."""

from __future__ import annotations

from collections import deque

from dedupstore.errors import FormatError
from dedupstore.twins.python_kernel.file_bytes import Refused
from dedupstore.twins.python_kernel.inflater import InflatedBlock
from dedupstore.twins.python_kernel.parameter_choice import (
    Sample,
    choose_parameters,
    empties_at_flushes,
)
from dedupstore.twins.python_kernel.plan import Matcher, Parameters, StreamPlan
from dedupstore.twins.python_kernel.predictors import LOOKAHEAD_BYTES
from dedupstore.twins.python_kernel.recorder import Recorder, WorkBudget
from dedupstore.twins.python_kernel.sliding_text import SlidingText
from dedupstore.twins.python_kernel.stream_rebuilder import StreamRebuilder
from dedupstore.twins.python_kernel.varint import varint_bytes


class StreamProver:
    """Takes the blocks of one stream and gives back its bytes, as they will be rebuilt.

    Attributes:
        plan: what has been found out.

    Args:
        text: the text of the stream, to which each block's is appended before `take`.
        extra_flags: what the header of the member says of the level.
        budget: what may be compared for the file.
    """

    def __init__(self, text: SlidingText, extra_flags: int, budget: WorkBudget) -> None:
        self.plan = StreamPlan(Parameters(Matcher.NONE))
        self._text = text
        self._extra_flags = extra_flags
        self._budget = budget
        self._sample = Sample()
        self._empties = 0
        self._flush_points_bytes = 0
        self._waiting: deque[InflatedBlock] = deque()
        self._recorder: Recorder | None = None
        self._follower: StreamRebuilder | None = None

    @property
    def encoded_bytes(self) -> int:
        """What the plan takes in the recipe so far; what is packed is not counted."""
        return self._flush_points_bytes + (self._recorder.encoded_bytes if self._recorder else 0)

    def take(self, block: InflatedBlock) -> bytes:
        """Take the next block; return the bytes of the stream that follow from all so far.

        Raises:
            Refused: too much work, or what was recorded cannot be followed.
        """
        self._budget.spend(block.text_bytes)
        self._take_flush_point(block)
        self._sample.add(block)
        self._waiting.append(block)
        if block.final:
            self.plan.text_bytes = self._text.end
            self.plan.open_flush = None
        if self._recorder is None:
            if not self._sample.cut or not self._known_behind(self._sample.end):
                return b""
            self._begin()
        return self._record()

    def _known_behind(self, position: int) -> bool:
        """Tell whether all is known that predictions before a position may look at."""
        text_end, plan = self._text.end, self.plan
        flush = plan.flush_points[-1] if plan.flush_points else 0
        return (
            position + LOOKAHEAD_BYTES <= text_end
            or position <= max(flush, plan.open_flush or 0)
            or plan.text_bytes is not None
        )

    def _take_flush_point(self, block: InflatedBlock) -> None:
        """Note that a flush is where an empty block stands, if text follows it."""
        plan = self.plan
        if block.text_bytes:
            if plan.open_flush:
                before = plan.flush_points[-1] if plan.flush_points else 0
                self._flush_points_bytes += varint_bytes(plan.open_flush - before)
                plan.flush_points.append(plan.open_flush)
                plan.emptied.append(self._empties)
            plan.open_flush = None
        elif not block.final:
            plan.open_flush = self._text.end

    def _begin(self) -> None:
        """Choose the parameters: the sample is complete."""
        plan, text = self.plan, self._text
        self._empties = empties_at_flushes(self._sample, plan)
        plan.emptied[:] = bytes((self._empties,)) * len(plan.flush_points)
        plan.parameters = choose_parameters(
            self._sample, text, plan, self._extra_flags, self._budget
        )
        self._sample.runs.clear()
        self._recorder = Recorder(text, plan, self._budget)
        self._follower = StreamRebuilder(text, plan)

    def _record(self) -> bytes:
        recorder, follower = self._recorder, self._follower
        if recorder is None or follower is None:
            return b""
        while self._waiting and recorder.record(self._waiting[0]):
            self._waiting.popleft()
        try:
            rebuilt = follower.advance()
        except FormatError:
            raise Refused("not rebuilt") from None
        self._text.forget(follower.text_needed_from)
        if self.plan.text_bytes is not None:
            self._budget.text_bytes += self.plan.text_bytes
            self._budget.compared += recorder.compared
            self._budget.spend(recorder.compared)
        return rebuilt
