"""How many threads work at once."""

from __future__ import annotations

import os

_WORKERS_MAX = 4


def worker_count() -> int:
    """Return how many threads may work at once: one for each processor at hand, up to a few.

    What each thread holds must stay small beside a bound of 200 MB for everything.
    """
    return max(1, min(_WORKERS_MAX, len(os.sched_getaffinity(0))))
