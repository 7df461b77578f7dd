"""Log records as lines of JSON, one a line, appended in one write each."""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
from datetime import UTC, datetime
from typing import Any

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class NdjsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON in ASCII.

    Its keys are ``time`` (ISO 8601 in UTC, to the microsecond), ``level``, ``logger``, ``message``,
    ``process``, ``thread``, where there are any ``exception`` and ``stack``, and as ``fields``
    what was given as ``extra``. What is no JSON in there stands as Python shows it. Line ends and
    control characters are escaped, so that no message can pass for another record.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, without its end."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")
        line: dict[str, Any] = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            "thread": record.threadName,
        }
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            line["exception"] = record.exc_text
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        fields = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if fields:
            line["fields"] = fields
        try:
            return json.dumps(line, default=repr, allow_nan=False)
        except (ValueError, TypeError, RecursionError):
            line["fields"] = {name: repr(value) for name, value in fields.items()}
            return json.dumps(line, default=repr)


class NdjsonFileHandler(logging.handlers.WatchedFileHandler):
    """Appends records to a file as lines of JSON; see ``NdjsonFormatter``.

    The file only grows, which a snapshot continues without reading it again. When it has been
    renamed, as by logrotate, a new one is begun. What goes wrong is handled as by every handler:
    ``handleError`` tells, and the program goes on.
    """

    def __init__(self, filename: str | os.PathLike[str], *, delay: bool = False) -> None:
        super().__init__(filename, mode="a", encoding="utf-8", delay=delay)
        self.setFormatter(NdjsonFormatter())
