"""How much may be called for each chunk and each file: the one table that the guards go by.

Each bound is a little above what is measured. It goes down with the cost, and up only for a reason
that is worth its time, hour for hour, on every host.
"""

from __future__ import annotations

PYTHON_CALLS_PER_CHUNK = {"first snapshot": 38.0, "re-read": 28.0, "restore": 55.0}
"""Of one large log; what is done for each block and each pack has little part in it."""

PYTHON_CALLS_PER_FILE = {"first snapshot": 278.0, "unchanged": 180.0, "restore": 245.0}
"""Of small logs, one chunk each."""

SYSCALLS_PER_FILE = {"first snapshot": 6.2, "unchanged": 1.2, "restore": 12.2}
"""Of small logs, one chunk each; without those for memory and between threads."""
