"""Restoring snapshots into a folder, or as a tar stream.

`run` goes through the chosen entries; `target` makes folders without ever leaving the target;
`writer` writes single files and links, `partial` names what is left of damaged ones; `tar_stream`
writes a tar instead.
"""

from dedupstore.operations.restore.options import (
    EntriesLost,
    FileDamaged,
    Overwrite,
    RestoreOptions,
    RestoreReport,
)
from dedupstore.operations.restore.run import restore
from dedupstore.operations.restore.tar_stream import restore_tar

__all__ = [
    "EntriesLost",
    "FileDamaged",
    "Overwrite",
    "RestoreOptions",
    "RestoreReport",
    "restore",
    "restore_tar",
]
