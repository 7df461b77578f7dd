"""Reading ahead: what a range of a file shows while a thread reads it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupstore.chunking import Chunker, ChunkingParameters
from dedupstore.operations.snapshot.read_ahead import ReadAhead
from golden.chunking.inputs import log_lines

PARAMETERS = ChunkingParameters.for_target(4096)
ROOM_BYTES = PARAMETERS.max_bytes
LOG = log_lines("ahead", 300_000)


@pytest.fixture(scope="module")
def reading() -> Iterator[Executor]:
    """Return the thread that reads."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture(scope="module")
def descriptor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Return an open file with the bytes of ``LOG``."""
    path: Path = tmp_path_factory.mktemp("ahead") / "log"
    path.write_bytes(LOG)
    descriptor = os.open(path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def ahead(
    reading: Executor,
    descriptor: int,
    begin: int = 0,
    end: int = len(LOG),
    *,
    lead: bytes = b"",
    segment_bytes: int = ROOM_BYTES,
    buffers: int = 2,
    read_bytes: list[int] | None = None,
) -> ReadAhead:
    """Read a range of a file ahead."""
    return ReadAhead(
        reading,
        descriptor,
        begin,
        end,
        lead=lead,
        buffers=[memoryview(bytearray(ROOM_BYTES + segment_bytes)) for _ in range(buffers)],
        room_bytes=ROOM_BYTES,
        on_read=([] if read_bytes is None else read_bytes).append,
    )


@given(
    begin=st.integers(0, len(LOG)),
    length=st.integers(0, len(LOG)),
    lead=st.binary(max_size=200),
    segment_bytes=st.integers(ROOM_BYTES, 6 * ROOM_BYTES),
    buffers=st.integers(2, 4),
)
def test_a_range_is_cut_as_its_bytes_are(
    reading: Executor,
    descriptor: int,
    begin: int,
    length: int,
    lead: bytes,
    segment_bytes: int,
    buffers: int,
) -> None:
    """Read ahead in any segments, a range has the chunks that its bytes have at once."""
    data = lead + LOG[begin : begin + length]
    chunker = Chunker(PARAMETERS)
    read_bytes: list[int] = []
    with ahead(
        reading,
        descriptor,
        begin,
        begin + length,
        lead=lead,
        segment_bytes=segment_bytes,
        buffers=buffers,
        read_bytes=read_bytes,
    ) as window:
        batches = chunker.batches(window, window.show(0))
        chunks = [bytes(chunk) for batch in batches for chunk in batch.views()]
    cuts = chunker.find_cuts(data, 0, len(data), True)
    assert chunks == [data[i:j] for i, j in zip([0, *cuts], cuts, strict=False)]
    assert sum(read_bytes) == len(data) - len(lead)


def test_a_file_that_fails_is_shown_up_to_there(
    reading: Executor, descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad sector is an error once all bytes before it have been shown, and the thread ends."""

    def read(fd: int, buffers: list[memoryview], position: int) -> int:
        if position >= 3 * ROOM_BYTES:
            raise OSError(errno.EIO, "bad sector")
        return os.readv(fd, buffers)

    os.lseek(descriptor, 0, os.SEEK_SET)
    monkeypatch.setattr(os, "preadv", read)
    with ahead(reading, descriptor) as window:
        shown = b"".join(bytes(window.show(number and ROOM_BYTES)) for number in range(3))
        with pytest.raises(OSError, match="bad sector"):
            window.show(ROOM_BYTES)
    assert shown == LOG[: 3 * ROOM_BYTES]


def test_nothing_reads_a_file_that_was_given_up(
    reading: Executor, descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the window is closed, the read under way has ended, and none follows it."""
    reads: list[int] = []
    begun, closing = Event(), Event()

    def read(fd: int, buffers: list[memoryview], position: int) -> int:
        begun.set()
        closing.wait(5)
        reads.append(position)
        return len(buffers[0])

    monkeypatch.setattr(os, "preadv", read)
    with ahead(reading, descriptor, buffers=4):
        begun.wait(5)
        closing.set()
    seen = list(reads)
    reading.submit(int).result()
    assert reads == seen
    assert 1 <= len(seen) <= 3
