"""Gzip twins: a gzip file kept as its text and the recipe that rebuilds its exact bytes.

Top to bottom: `prover` makes recipes and proves them, `rebuilding` follows them, `plain_text`
unpacks files; `kernel` picks the native kernel or its Python twin (`python_kernel`, which defines
the recipes; docs/format/twins.md describes them). Bytes in, bytes out: nothing here knows a file.
"""

from dedupstore.twins.kernel import kernel_name
from dedupstore.twins.plain_text import inflate, looks_like_gzip
from dedupstore.twins.prover import Proof, Prover
from dedupstore.twins.rebuilding import rebuild

__all__ = ["Proof", "Prover", "inflate", "kernel_name", "looks_like_gzip", "rebuild"]
