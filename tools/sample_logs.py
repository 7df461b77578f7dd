"""Sample logs that behave like real ones: they grow, are rotated, and are gzipped."""

from __future__ import annotations

import gzip
import json
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

LOGS = ("app.log", "web/access.log", "audit/events.json")
START = datetime(2026, 1, 5, tzinfo=UTC)
HOURS_PER_STEP = 6

_MESSAGES = (
    "request handled in {n} ms",
    "cache miss for key user:{n}",
    "retrying upstream after {n} ms",
    "worker {n} picked up a job",
    "slow query: {n} ms on table orders",
)
_PATHS = ("/", "/login", "/api/orders", "/api/orders/{n}", "/static/app.js", "/health")


class SampleLogs:
    """A folder of three logs and the events of their day, the same bytes on every run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._random = random.Random(2026)
        self._now = START

    def grow(self, lines: int = 12_000) -> None:
        """Let six hours pass, in which each log gets ``lines`` more lines."""
        step = timedelta(hours=HOURS_PER_STEP) / lines
        for name in LOGS:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as log:
                for number in range(lines):
                    log.write(self._line(name, self._now + step * number))
        self._now += timedelta(hours=HOURS_PER_STEP)

    def rotate(self) -> None:
        """Rename ``app.log`` to ``app.log.1``, as logrotate does; a new, empty one takes over."""
        (self.folder / "app.log").rename(self.folder / "app.log.1")
        (self.folder / "app.log").touch()

    def compress(self) -> None:
        """Gzip ``app.log.1`` to ``app.log.2.gz``, as logrotate does a cycle later."""
        plain = self.folder / "app.log.1"
        with plain.open("rb") as source, gzip.open(self.folder / "app.log.2.gz", "wb") as target:
            shutil.copyfileobj(source, target)
        plain.unlink()

    def _line(self, name: str, moment: datetime) -> str:
        stamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        number = self._random.randrange(10_000)
        if name == "app.log":
            level = self._random.choice(("INFO", "INFO", "INFO", "WARN", "ERROR"))
            message = self._random.choice(_MESSAGES).format(n=number)
            return f"{stamp} {level:<5} [pool-{number % 8}] {message}\n"
        if name == "web/access.log":
            path = self._random.choice(_PATHS).format(n=number)
            client = f"10.0.{number % 16}.{number % 250}"
            return f'{client} - - [{stamp}] "GET {path} HTTP/1.1" 200 {number}\n'
        event = {"time": stamp, "user": f"u{number % 300}", "action": "login", "id": number}
        return json.dumps(event) + "\n"
