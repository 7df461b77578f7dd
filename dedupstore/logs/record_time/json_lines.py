"""The formats whose records are JSON objects, one a line: the key under which the time stands."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from dedupstore.logs.record_time.line_formats import ISO, read_iso
from dedupstore.logs.record_time.moments import TimeContext, epoch_ns

_KEYS = ("@timestamp", "timestamp", "time", "ts", "datetime", "asctime")
_ISO = re.compile(ISO)


@dataclass(frozen=True, slots=True)
class JsonLines:
    """Objects with the time under ``key``, as ISO 8601 or as a number since 1970."""

    key: str
    is_number: bool = False
    lacks_year: bool = False

    @property
    def name(self) -> str:
        """What the format is called."""
        return f"JSON {self.key}"

    def time_ns(self, line: bytes, context: TimeContext) -> int | None:
        """Return the time of the object that is all of ``line``; ``None`` where none is."""
        if not line.startswith(b"{"):
            return None
        try:
            # Decoded here, as json would take it for UTF-16 or UTF-32 where it looks so, whose
            # lines end elsewhere. Servers write bytes of their clients that are no text at all.
            value = json.loads(line.decode("utf-8", "replace")).get(self.key)
        except (ValueError, RecursionError):
            return None
        if isinstance(value, str):
            found = _ISO.fullmatch(value.encode("utf-8", "replace"))
            return read_iso(found, context) if found else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return epoch_ns(value)
        return None


JSON_FORMATS = tuple(JsonLines(key) for key in _KEYS)
"""The formats, in the order in which they are tried."""
