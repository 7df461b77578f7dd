"""Looking for policies that cannot be read: prune removes nothing by them."""

from __future__ import annotations

from dedupstore.engine.audit.findings import FindingCollector
from dedupstore.engine.monitor import kind_of_refusal
from dedupstore.engine.policies import readable_policies
from dedupstore.engine.repository import Repository
from dedupstore.errors import DamageError, UnsupportedFormat


def check_policies(repository: Repository, collector: FindingCollector) -> None:
    """Read all policies; damaged and newer ones become findings.

    Raises:
        StorageError: the store could not deliver.
    """

    def found_bad(key: str, error: DamageError | UnsupportedFormat) -> None:
        detail = error.message.removeprefix(f"{key}: ")
        if error.hint:
            detail += f"; {error.hint}"
        collector.error(kind_of_refusal("policy", error), key, detail)

    readable_policies(repository, found_bad)
