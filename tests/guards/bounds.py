"""How much may be called for each chunk and file, and loaded at a start: all that guards go by.

Each bound is a little above what is measured. It goes down with the cost, and up only for a reason
that is worth its time, hour for hour, on every host.
"""

from __future__ import annotations

PYTHON_CALLS_PER_CHUNK = {"first snapshot": 17.0, "re-read": 17.5, "restore": 19.0}
"""Of one large log; what is done for each block and each pack has little part in it."""

PYTHON_CALLS_PER_FILE = {"first snapshot": 175.0, "unchanged": 56.0, "restore": 168.0}
"""Of small logs, one chunk each."""

SYSCALLS_PER_FILE = {"first snapshot": 6.2, "unchanged": 1.2, "restore": 8.2}
"""Of small logs, one chunk each; without those for memory and between threads."""

_NO_REPOSITORY = ("dedupstore.engine", "dedupstore.operations", "dedupstore.storage")
_OTHER_WAYS_IN = (
    "dedupstore.operations.snapshot.journal",
    "dedupstore.operations.snapshot.journalctl",
    "dedupstore.operations.snapshot.sqlite_source",
    "dedupstore.operations.snapshot.stream",
)
_SLOW = (
    "asyncio", "email", "hashlib", "http", "importlib.metadata", "lzma", "multiprocessing",
    "pathlib", "random", "rich", "secrets", "shutil", "socket", "sqlite3", "ssl", "subprocess",
    "tarfile", "tempfile", "urllib", "xml", "zoneinfo",
)  # fmt: skip
_THREADS = ("concurrent", "logging")

NOT_LOADED_BY = {
    "version": (*_SLOW, *_THREADS, *_NO_REPOSITORY),
    # click asks shutil for the width of the terminal.
    "help": (
        *(set(_SLOW) - {"lzma", "shutil"}), *_THREADS, *_NO_REPOSITORY, "dedupstore.format",
        "blake3", "json", "lmdb",
    ),
    "list": (
        *_SLOW, *_THREADS, "dedupstore.chunking", "dedupstore.index", "dedupstore.logs",
        "dedupstore.operations.snapshot", "dedupstore.twins", "lmdb", "zstandard",
    ),
    "snapshot": (*(set(_SLOW) - {"hashlib"}), *_OTHER_WAYS_IN, "dedupstore.operations.restore"),
    "unchanged": (*_SLOW, *_OTHER_WAYS_IN, "dedupstore.operations.restore"),
    "restore": (
        *(set(_SLOW) - {"lzma"}), "dedupstore.chunking", "dedupstore.logs.record_time",
        "dedupstore.operations.restore.tar_stream", "dedupstore.operations.snapshot",
    ),
}  # fmt: skip
"""Start → modules and packages that take long to load, and that it does not need."""

NEW_MODULES_PER_START = 2
"""More than were recorded, before somebody has to look; see ``record_modules``."""

LIBRARY_MODULES_PER_START = {
    "version": 95, "help": 90, "list": 95, "snapshot": 115, "unchanged": 115, "restore": 120,
}  # fmt: skip
"""Of the standard library, its internal modules and those of the interpreter's start included."""

DATACLASSES_PER_START = {
    "version": 1, "help": 0, "list": 2, "snapshot": 8, "unchanged": 8, "restore": 8,
}  # fmt: skip
