"""The twin of the native kernel in Python: slower, and what defines the recipes.

Top to bottom: `prover` reads a gzip file and proves its recipe, `rebuilder` follows one. Below them
`stream_prover` does so for one stream: `parameter_choice` finds out what the writer was set to,
`recorder` says what its predictions do not, and `stream_rebuilder` is what restores a stream, in
the prover, too. `inflater` reads blocks and `block_writer` writes them; `predictors` choose tokens
as zlib does, with `hash_chains`; `trees` are zlib's; `recipe` is the format of what `plan` holds.
"""

from dedupstore.twins.python_kernel.prover import Prover
from dedupstore.twins.python_kernel.rebuilder import Rebuilder

__all__ = ["Prover", "Rebuilder"]
