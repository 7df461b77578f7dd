"""Content-defined chunking: where a stream of bytes is cut.

Top to bottom: `chunker` cuts buffers and streams, `kernel` picks the native kernel or its Python
twin (`python_kernel`, which defines the cuts), `parameters` and `gear_table` say what to cut by.
"""

from dedupstore.chunking.chunker import Chunker
from dedupstore.chunking.kernel import kernel_detail, kernel_name
from dedupstore.chunking.parameters import ChunkingParameters

__all__ = ["Chunker", "ChunkingParameters", "kernel_detail", "kernel_name"]
