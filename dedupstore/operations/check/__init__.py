"""Checking a repository.

`run` puts the parts together: `packs` looks at packs and the index, `pack_data` decodes and hashes
blocks, `references` follows every snapshot to its chunks; `findings` collects what is wrong.
"""

from dedupstore.operations.check.findings import CheckReport, Finding, Severity
from dedupstore.operations.check.run import CheckOptions, check

__all__ = ["CheckOptions", "CheckReport", "Finding", "Severity", "check"]
