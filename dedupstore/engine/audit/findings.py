"""Findings: what check saw wrong, and whom it hits."""

from __future__ import annotations

from collections.abc import Iterable, KeysView
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from dedupstore.ids import ChunkId, SnapshotId

FILES_NAMED_MAX = 1000
"""A finding names no more files; ``files_hit`` counts all."""


class Severity(Enum):
    """``ERROR``: something stored is missing or wrong. ``WARNING``: odd, but nothing is lost."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(slots=True)
class Finding:
    """One thing that is wrong.

    ``kind`` is a stable word; ``object`` the key of what is concerned; ``chunks`` the chunks that
    cannot be relied on; ``snapshots`` and ``files`` those that need them. A file is named with
    the snapshot it was first seen in.
    """

    kind: str
    severity: Severity
    object: str
    detail: str
    chunks: set[ChunkId] = field(default_factory=set)
    snapshots: set[SnapshotId] = field(default_factory=set)
    files: list[bytes] = field(default_factory=list)
    files_hit: int = 0
    _last_hit: tuple[SnapshotId, bytes] | None = None

    def hits(self, snapshot: SnapshotId, path: bytes | None) -> None:
        """A snapshot, and a file of it unless its manifest itself is hit, needs what is wrong."""
        self.snapshots.add(snapshot)
        # A file is told of once for each of its chunks, one after another.
        if path is None or (snapshot, path) == self._last_hit:
            return
        self._last_hit = snapshot, path
        self.files_hit += 1
        if len(self.files) < FILES_NAMED_MAX and path not in self.files[-1:]:
            self.files.append(path)


@dataclass(slots=True)
class CheckReport:
    """All findings, and how much was looked at.

    Of the packs looked at, ``packs_verified`` were read whole by this run and found sound;
    ``packs_never_verified`` never were, by any run. ``verified_oldest`` is when the one of the
    others was that has waited longest; ``None`` without any. ``twins_rebuilt`` counts files that
    were rebuilt from their text to see whether they come out right.
    """

    findings: list[Finding] = field(default_factory=list)
    snapshots: int = 0
    packs: int = 0
    chunks: int = 0
    bytes_read: int = 0
    packs_verified: int = 0
    packs_never_verified: int = 0
    verified_oldest: datetime | None = None
    twins_rebuilt: int = 0
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """True when nothing stored is missing or wrong."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)


class FindingCollector:
    """Collects findings and remembers which chunk each is about."""

    def __init__(self, report: CheckReport) -> None:
        self._report = report
        self._by_chunk: dict[ChunkId, Finding] = {}

    def error(
        self, kind: str, object_key: str, detail: str, chunks: Iterable[ChunkId] = ()
    ) -> Finding:
        """Record that something is missing or wrong, and with it ``chunks``."""
        finding = Finding(kind, Severity.ERROR, object_key, detail, set(chunks))
        self._report.findings.append(finding)
        for chunk in finding.chunks:
            self._by_chunk.setdefault(chunk, finding)
        return finding

    def warning(self, kind: str, object_key: str, detail: str) -> None:
        """Record something odd by which nothing is lost."""
        self._report.findings.append(Finding(kind, Severity.WARNING, object_key, detail))

    def has_found(self, kind: str, object_key: str | None = None) -> bool:
        """Tell whether an object, or with ``None`` any, has a finding of this kind already."""
        return any(
            finding.kind == kind and object_key in (None, finding.object)
            for finding in self._report.findings
        )

    @property
    def unreliable(self) -> KeysView[ChunkId]:
        """The chunks that have a finding which says why they cannot be relied on."""
        return self._by_chunk.keys()

    def about(self, chunk: ChunkId) -> Finding | None:
        """Return the finding that says why a chunk cannot be relied on."""
        return self._by_chunk.get(chunk)

    def missing(self, chunk: ChunkId, object_key: str) -> Finding:
        """Return the finding that a chunk is in no pack, which is recorded the first time."""
        finding = self._by_chunk.get(chunk)
        if finding is None:
            finding = next((f for f in self._report.findings if f.kind == "chunks-missing"), None)
            if finding is None:
                finding = self.error("chunks-missing", object_key, "chunks are in no readable pack")
            finding.chunks.add(chunk)
            self._by_chunk[chunk] = finding
        return finding

    def recovered(self, chunks: Iterable[ChunkId]) -> None:
        """Forget about chunks of which another, sound copy has been found."""
        for chunk in chunks:
            self._by_chunk.pop(chunk, None)
