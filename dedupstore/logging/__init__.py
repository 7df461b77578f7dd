"""For programs that log with Python's ``logging``: archive what is rotated, write what is cheap.

`rotation` archives each file that a standard rotating handler rotates, before it may be removed;
`ndjson` writes records as lines of JSON, to which a file only grows.
"""

from dedupstore.logging.ndjson import NdjsonFileHandler, NdjsonFormatter
from dedupstore.logging.rotation import ArchiveRotation, archive_rotated

__all__ = ["ArchiveRotation", "NdjsonFileHandler", "NdjsonFormatter", "archive_rotated"]
