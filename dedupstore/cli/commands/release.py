"""``dedupstore release``."""

from __future__ import annotations

from dedupstore.cli.commands.hold import make_command
from dedupstore.engine.holds import release_snapshot

command = make_command("release", "End the protection of snapshots.", "released", release_snapshot)
