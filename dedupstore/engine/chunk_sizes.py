"""From the sizes in a repository's config to what cuts by them, and back."""

from __future__ import annotations

from dedupstore.chunking import Chunker, ChunkingParameters
from dedupstore.errors import FormatError, UsageError
from dedupstore.format.config import CHUNKING_ALGORITHM, ChunkingConfig
from dedupstore.limits import CHUNK_BYTES_MAX


def new_chunking(chunk_bytes_target: int) -> ChunkingConfig:
    """Return what goes into the config of a repository whose chunks have ``chunk_bytes_target``.

    Raises:
        UsageError: it is no power of two from 4 KiB to 4 MiB.
    """
    try:
        parameters = ChunkingParameters.for_target(chunk_bytes_target)
    except ValueError as error:
        raise UsageError(
            f"not a chunk size: {chunk_bytes_target} bytes",
            hint="give a power of two from 4KiB to 4MiB",
        ) from error
    return ChunkingConfig(
        algorithm=CHUNKING_ALGORITHM,
        seed=parameters.seed,
        bytes_min=parameters.min_bytes,
        bytes_target=parameters.target_bytes,
        bytes_max=parameters.max_bytes,
        line_bound_bytes=parameters.line_bound_bytes,
    )


def chunker_of(config: ChunkingConfig) -> Chunker:
    """Return what cuts by the sizes in a config.

    Raises:
        FormatError: they are impossible, or chunks could be larger than any may be.
    """
    if config.bytes_max > CHUNK_BYTES_MAX:
        raise FormatError(f"the repository's config allows chunks of {config.bytes_max} bytes")
    try:
        parameters = ChunkingParameters(
            target_bytes=config.bytes_target,
            min_bytes=config.bytes_min,
            max_bytes=config.bytes_max,
            line_bound_bytes=config.line_bound_bytes,
            seed=config.seed,
        )
    except ValueError as error:
        raise FormatError(f"the repository's config has impossible chunk sizes: {error}") from error
    return Chunker(parameters)
