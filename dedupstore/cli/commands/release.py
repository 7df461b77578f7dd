"""``dedupstore release``."""

from __future__ import annotations

from dedupstore.cli.commands.hold import make_command
from dedupstore.cli.session import Session
from dedupstore.engine.holds import find_releasable_id, release_snapshot
from dedupstore.engine.repository import Repository
from dedupstore.ids import SnapshotId


def _find(session: Session, repository: Repository, name: str, set_name: str | None) -> SnapshotId:
    # Without its record, which may be damaged or gone: forget wants the hold ended first.
    return find_releasable_id(repository, name, set_name=set_name, zone=session.zone)


command = make_command(
    "release", "End the protection of snapshots.", "released", _find, release_snapshot
)
