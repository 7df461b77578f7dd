"""Makes large logs and many small ones: always the same, fast, no two chunks alike.

Lines look like those of a service and compress like them (about 5 : 1). A pattern of 8 MiB
is written again and again; in every 4 KiB of it one request id is replaced by a new one. So every
chunk is different, while the pattern repeats too far away for a compressor to see it.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from sizes import parse_bytes

_PATTERN_BYTES = 8 << 20
_STAMP_EVERY_BYTES = 4 << 10
_STAMP_DIGITS = 16
_FILES_PER_FOLDER = 1000
_METHODS = ("GET", "GET", "GET", "POST", "PUT", "DELETE")
_STATUSES = (200, 200, 200, 200, 201, 304, 404, 500)


class LogPattern:
    """The repeated text and the places of its request ids."""

    def __init__(self, seed: int = 1) -> None:
        """Build the pattern; the same `seed` gives the same bytes."""
        numbers = random.Random(seed)
        self.text = bytearray()
        self._stamp_offsets: list[int] = []
        while len(self.text) < _PATTERN_BYTES:
            line, id_offset = _line(numbers, len(self.text))
            if len(self.text) >= len(self._stamp_offsets) * _STAMP_EVERY_BYTES:
                self._stamp_offsets.append(len(self.text) + id_offset)
            self.text += line

    def rounds(self, size_bytes: int, first_stamp: int = 0) -> Iterator[memoryview]:
        """Yield the log in pieces, `size_bytes` in all; a piece is valid until the next.

        Logs with different `first_stamp` have no chunk in common if their ranges do not meet: a
        log takes a stamp for each 4 KiB.
        """
        stamp = first_stamp
        while size_bytes > 0:
            for offset in self._stamp_offsets:
                self.text[offset : offset + _STAMP_DIGITS] = _request_id(stamp)
                stamp += 1
            yield memoryview(self.text)[:size_bytes]
            size_bytes -= len(self.text)


def write_log(path: Path, size_bytes: int, first_stamp: int = 0) -> None:
    """Append `size_bytes` of log to the file at `path`; the last line may be cut."""
    with open(path, "ab", buffering=0) as log:
        for piece in LogPattern().rounds(size_bytes, first_stamp):
            log.write(piece)


def write_small_logs(folder: Path, files: int) -> None:
    """Write logs of 200 to 2,000 bytes, each different, a thousand to a folder."""
    numbers = random.Random(files)
    text = bytes(LogPattern().text)
    for number in range(files):
        if number % _FILES_PER_FOLDER == 0:
            parent = folder / f"service-{number // _FILES_PER_FOLDER:05d}"
            parent.mkdir(parents=True)
        start = numbers.randrange(len(text) - 2000)
        body = text[start : start + numbers.randrange(200, 2000)]
        (parent / f"worker-{number:07d}.log").write_bytes(b"run %s\n" % _request_id(number) + body)


def _line(numbers: random.Random, place: int) -> tuple[bytes, int]:
    """Return a line and the offset of its request id."""
    second, milliseconds = divmod(place, 1000)
    start = (
        f"2026-03-01T{second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
        f".{milliseconds:03d}Z web-{numbers.randrange(8)} api[{1200 + numbers.randrange(4)}]:"
        " request="
    )
    end = (
        f" method={numbers.choice(_METHODS)} path=/api/v2/orders/{numbers.randrange(10**6)}/items"
        f" status={numbers.choice(_STATUSES)} bytes={numbers.randrange(20000)}"
        f" duration_ms={numbers.randrange(900)} user={numbers.randrange(5000)}\n"
    )
    request_id = b"%016x" % numbers.getrandbits(64)
    return start.encode() + request_id + end.encode(), len(start)


def _request_id(stamp: int) -> bytes:
    # Multiplying by an odd number maps the counter one to one; this one spreads it over all digits.
    return b"%016x" % (stamp * 0x9E3779B97F4A7C15 & (1 << 64) - 1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a log or many; return 0."""
    parser = argparse.ArgumentParser(description="Writes logs to measure with.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    log = kinds.add_parser("log", help="append to one log")
    log.add_argument("path", type=Path)
    log.add_argument("--bytes", type=parse_bytes, required=True, metavar="SIZE")
    log.add_argument("--first-stamp", type=int, default=0, metavar="N")
    small = kinds.add_parser("files", help="write many small logs into a new folder")
    small.add_argument("path", type=Path)
    small.add_argument("--files", type=int, required=True, metavar="N")
    options = parser.parse_args(arguments)
    if options.kind == "log":
        write_log(options.path, options.bytes, options.first_stamp)
    else:
        write_small_logs(options.path, options.files)
    return 0


if __name__ == "__main__":
    sys.exit(main())
