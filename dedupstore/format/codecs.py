"""Codecs: numbers in a block's header that say how its payload is coded.

0 stored, 1 zstd (one frame that declares its content size; RFC 8878).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress

import zstandard

from dedupstore.errors import FormatError, UnsupportedFormat
from dedupstore.limits import BLOCK_BYTES_MAX, MIB

CODEC_STORED = 0
CODEC_ZSTD = 1

LIBRARY_VERSION = f"{zstandard.__version__} (zstd {'.'.join(map(str, zstandard.ZSTD_VERSION))})"

LEVEL_MAX = 19
"""The highest level of compression: zstd's own, with other parameters."""

_TUNED: dict[int, dict[str, int]] = {
    # A table of 2 MiB, where zstd's level 1 has 64 KiB: 1 to 2 % less room, in no more time.
    1: {"hash_log": 19},
    # Logs are full of long matches. Looking no further once one of 999 bytes is found, instead of
    # 256, and at fewer candidates, packs them as zstd's level 19 does in a fifth of its time and
    # memory.
    LEVEL_MAX: {
        "strategy": zstandard.STRATEGY_BTOPT,
        "chain_log": 21,
        "hash_log": 18,
        "search_log": 4,
        "min_match": 6,
        "target_length": 999,
    },
}

_ZSTD_BLOCK_HEADER_BYTES = 3
_ZSTD_REPEATED_BYTE = 1
_ZSTD_CHECKSUM_BYTES = 4

_DAMAGED_STEP_BYTES = 32
_UNPACKING_STEP_BYTES = 256
_FOREIGN_WINDOW_BYTES_MAX = 128 * MIB

_decompressors = threading.local()


class ZstdCompressor:
    """Compresses payloads with zstd; one instance per thread.

    ``level`` is zstd's, 1 to ``LEVEL_MAX``, the first and the last tuned for logs.
    ``payload_bytes_max`` sets the window, so that matches reach back through a whole block: on logs
    that gains more than a higher level.
    """

    def __init__(self, level: int, payload_bytes_max: int) -> None:
        window_log = max(10, min(27, (payload_bytes_max - 1).bit_length()))
        parameters = zstandard.ZstdCompressionParameters.from_level(
            level,
            source_size=payload_bytes_max,
            window_log=window_log,
            write_content_size=1,
            write_checksum=0,
            write_dict_id=0,
            **_TUNED.get(level, {}),
        )
        self._compressor = zstandard.ZstdCompressor(compression_params=parameters)

    def compress(self, data: bytes | bytearray | memoryview) -> bytes:
        """Return one zstd frame that holds ``data`` and declares its size."""
        return self._compressor.compress(data)


def decode_payload(
    codec: int, payload: bytes | memoryview, original_bytes: int
) -> bytes | memoryview:
    """Return the original bytes of a block's payload.

    ``original_bytes`` is the size the header declares, already held against the limits; no more
    than that is ever allocated.

    Raises:
        UnsupportedFormat: the codec is unknown.
        FormatError: the payload does not decode to exactly ``original_bytes``.
    """
    if codec == CODEC_STORED:
        data = payload
    elif codec == CODEC_ZSTD:
        data = _decode_zstd(payload, original_bytes)
    else:
        raise UnsupportedFormat(
            f"a block uses codec {codec}, which this version does not know",
            hint="use a newer version of dedupstore",
        )
    if len(data) != original_bytes:
        raise FormatError(f"a block decodes to {len(data)} bytes, not {original_bytes}")
    return data


def decode_payload_into(
    codec: int, payload: bytes | memoryview, buffer: bytearray | memoryview
) -> None:
    """Fill ``buffer`` with the original bytes of a block's payload, of which it has the size.

    As ``decode_payload``, but into memory that is there already.

    Raises:
        UnsupportedFormat: the codec is unknown.
        FormatError: the payload does not decode to exactly as many bytes.
    """
    if codec != CODEC_ZSTD:
        memoryview(buffer)[:] = decode_payload(codec, payload, len(buffer))
        return
    try:
        _check_declared_size(payload, len(buffer))
        _check_nothing_follows(payload)
        reader = _zstd_decompressor().stream_reader(payload)
        # At once, where there is room for all of it: so zstd decodes right into it.
        decoded_bytes = reader.readinto(buffer) if buffer else 0
    except zstandard.ZstdError as error:
        raise FormatError(f"a zstd frame does not decode: {error}") from error
    if decoded_bytes != len(buffer):
        raise FormatError(f"a block decodes to {decoded_bytes} bytes, not {len(buffer)}")


def decode_damaged_zstd(payload: bytes | memoryview, original_bytes: int) -> bytes:
    """Return what a damaged zstd frame still gives: bytes from its beginning, right or wrong.

    At most ``original_bytes``, held against the limits before, come back.
    """
    decoded = bytearray()
    decompressor = zstandard.ZstdDecompressor(max_window_size=BLOCK_BYTES_MAX).decompressobj()
    # Little at a time: of a call that meets damage nothing comes back, and few bytes can mean many.
    with suppress(zstandard.ZstdError):
        for begin in range(0, len(payload), _DAMAGED_STEP_BYTES):
            decoded += decompressor.decompress(payload[begin : begin + _DAMAGED_STEP_BYTES])
            if decompressor.eof or len(decoded) >= original_bytes:
                break
    return bytes(decoded[:original_bytes])


def unpack_zstd(data: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Yield what a file of one or several zstd frames unpacks to, which somebody else has made.

    Memory is bounded: by the window, which may be 128 MiB, as for the program ``zstd``.

    Raises:
        EOFError: the file ends within a frame.
        ValueError: it is damaged, needs a larger window, or something else follows a frame.
    """
    frame: zstandard.ZstdDecompressionObj | None = None
    for piece in data:
        # Little at a time: four bytes can mean 128 KiB.
        for begin in range(0, len(piece), _UNPACKING_STEP_BYTES):
            rest = bytes(piece[begin : begin + _UNPACKING_STEP_BYTES])
            while rest:
                if frame is None:
                    frame = _foreign_frame()
                try:
                    text = frame.decompress(rest)
                except zstandard.ZstdError as error:
                    raise ValueError(f"the zstd data is damaged: {error}") from error
                if text:
                    yield text
                rest = b""
                if frame.eof:
                    rest, frame = frame.unused_data, None
    if frame is not None:
        raise EOFError("the zstd data ends too early")


def _foreign_frame() -> zstandard.ZstdDecompressionObj:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_FOREIGN_WINDOW_BYTES_MAX)
    return decompressor.decompressobj()


def _zstd_decompressor() -> zstandard.ZstdDecompressor:
    decompressor: zstandard.ZstdDecompressor | None = getattr(_decompressors, "zstd", None)
    if decompressor is None:
        decompressor = _decompressors.zstd = zstandard.ZstdDecompressor()
    return decompressor


def _decode_zstd(payload: bytes | memoryview, original_bytes: int) -> bytes:
    try:
        _check_declared_size(payload, original_bytes)
        if original_bytes == 0:
            return b""
        data: bytes = _zstd_decompressor().decompress(
            payload, max_output_size=original_bytes, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        raise FormatError(f"a zstd frame does not decode: {error}") from error
    return data


def _check_declared_size(payload: bytes | memoryview, original_bytes: int) -> None:
    declared = zstandard.frame_content_size(payload)
    if declared != original_bytes:
        raise FormatError(f"a zstd frame declares {declared} bytes, not {original_bytes}")


def _check_nothing_follows(payload: bytes | memoryview) -> None:
    """Go through the headers of a frame's blocks to its end (RFC 8878, 3.1.1)."""
    has_checksum = zstandard.get_frame_parameters(payload).has_checksum
    end = zstandard.frame_header_size(payload)
    is_last = False
    while not is_last:
        header = int.from_bytes(payload[end : end + _ZSTD_BLOCK_HEADER_BYTES], "little")
        is_last, kind, block_bytes = bool(header & 1), header >> 1 & 3, header >> 3
        end += _ZSTD_BLOCK_HEADER_BYTES + (1 if kind == _ZSTD_REPEATED_BYTE else block_bytes)
        if end > len(payload):
            raise FormatError("a zstd frame is cut off")
    if end + _ZSTD_CHECKSUM_BYTES * has_checksum != len(payload):
        raise FormatError("a zstd frame is cut off, or something follows it")
