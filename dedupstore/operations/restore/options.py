"""What a restore is asked to do, and what it says it did."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from dedupstore.engine.file_reader import ByteRange
from dedupstore.engine.monitor import Event
from dedupstore.engine.record_trim import TrimRule
from dedupstore.ids import SnapshotId


class Overwrite(Enum):
    """What to do where something exists already."""

    NEVER = "never"
    IF_CHANGED = "if-changed"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class RestoreOptions:
    """How to restore.

    ``paths`` are paths or globs in the snapshot, all if there are none. ``overwrite`` says what
    becomes of files that exist: ``IF_CHANGED`` leaves those of the same size and modification
    time, and links to the same target. ``strip_components`` drops that many leading parts of each
    path. ``dry_run`` writes nothing and counts what would be. ``plain`` restores the text of gzip
    files that are stored as such, under names without ``.gz``; where the snapshot holds that name,
    or there is no ``.gz``, ``.plain`` is added. ``trim`` cuts each text log at a moment.
    """

    paths: tuple[bytes, ...] = ()
    overwrite: Overwrite = Overwrite.NEVER
    strip_components: int = 0
    dry_run: bool = False
    plain: bool = False
    trim: TrimRule | None = None


@dataclass(frozen=True, slots=True)
class FileDamaged(Event):
    """A file of which bytes are missing.

    ``missing`` are the ranges of bytes, in order; ``partial`` is where below the target the rest
    has been written, with holes for what is missing; ``None`` where it has not been.
    """

    missing: tuple[ByteRange, ...] = ()
    partial: bytes | None = None


@dataclass(frozen=True, slots=True)
class EntriesLost(Event):
    """A part of the manifest is lost: what it listed cannot be named.

    ``after`` and ``before`` are the paths that are known around it, ``None`` where there is none.
    """

    after: bytes | None = None
    before: bytes | None = None


@dataclass(slots=True)
class RestoreReport:
    """What a restore did.

    ``files`` and ``restored_bytes`` count files written, ``skipped`` files and links that existed
    and were left. ``failed`` names what could not be restored: events of kind ``damaged``,
    ``unsupported`` (made by a newer version), ``unwritable`` or ``not-found``; those of kind
    ``damaged`` say as ``FileDamaged`` or ``EntriesLost`` what is missing. ``events`` is what else
    happened, such as an owner that could not be given. ``trimmed`` counts files of which the end
    was cut off; events of kind ``not-trimmed`` name those that were to be cut and are whole.
    """

    snapshot: SnapshotId
    files: int = 0
    directories: int = 0
    symlinks: int = 0
    restored_bytes: int = 0
    skipped: int = 0
    trimmed: int = 0
    failed: list[Event] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def damaged(self) -> bool:
        """True when something could not be restored because stored data is missing or wrong."""
        return any(event.kind == "damaged" for event in self.failed)
