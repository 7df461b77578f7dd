"""Checking a repository.

`run` puts the parts of ``engine.audit`` together; `memory` knows when each pack was last verified.
"""

from dedupstore.engine.audit.findings import CheckReport, Finding, Severity
from dedupstore.operations.check.run import CheckOptions, check

__all__ = ["CheckOptions", "CheckReport", "Finding", "Severity", "check"]
