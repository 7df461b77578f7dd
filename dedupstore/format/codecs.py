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

_DAMAGED_STEP_BYTES = 32
_UNPACKING_STEP_BYTES = 256
_FOREIGN_WINDOW_BYTES_MAX = 128 * MIB

_decompressors = threading.local()


class ZstdCompressor:
    """Compresses payloads with zstd; one instance per thread.

    ``level`` is zstd's, 1 to 19. ``payload_bytes_max`` sets the window, so that matches reach
    back through a whole block: on logs that gains more than a higher level.
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
        declared = zstandard.frame_content_size(payload)
        if declared != original_bytes:
            raise FormatError(f"a zstd frame declares {declared} bytes, not {original_bytes}")
        if original_bytes == 0:
            return b""
        data: bytes = _zstd_decompressor().decompress(
            payload, max_output_size=original_bytes, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        raise FormatError(f"a zstd frame does not decode: {error}") from error
    return data
