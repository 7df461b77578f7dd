"""The Python calls that an operation makes for each chunk or file: of Python code and of C."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

_Key = CodeType | tuple[str | None, str]


def count_python_calls(action: Callable[[], object]) -> Counter[str]:
    """Do something and return how often it called each function, in all threads it began.

    Going on with a generator counts as a call. What is called while it waits for threads is there,
    too: a little, which depends on how they meet.
    """
    by_thread: list[Counter[_Key]] = []

    def begin(frame: FrameType, event: str, argument: Any) -> None:
        # Called for the first event of a thread: from then on each has a counter of its own.
        counts: Counter[_Key] = Counter()
        by_thread.append(counts)

        def profile(frame: FrameType, event: str, argument: Any) -> None:
            if event == "call":
                counts[frame.f_code] += 1
            elif event == "c_call":
                counts[argument.__module__, argument.__qualname__] += 1

        sys.setprofile(profile)
        profile(frame, event, argument)

    threading.setprofile(begin)
    sys.setprofile(begin)
    try:
        action()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    named: Counter[str] = Counter()
    for counts in by_thread:
        for key, count in counts.items():
            named[_name(key)] += count
    return named


def _name(key: _Key) -> str:
    if isinstance(key, CodeType):
        place = key.co_filename.rpartition("site-packages/")[2].rpartition("/dedupstore/")[2]
        return f"{key.co_qualname} ({place}:{key.co_firstlineno})"
    module, name = key
    return f"{module}.{name}" if module else name
