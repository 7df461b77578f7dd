"""Proving that files are archived: that a snapshot holds exactly their bytes.

`run` goes through the snapshots; `asked_file` reads a file; `presence` tells whether what a
snapshot holds is really stored.
"""

from dedupstore.operations.holds.run import HeldFile, holds

__all__ = ["HeldFile", "holds"]
