"""The files of a generated host, as entries of a manifest, and how they change each hour."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from dedupstore.engine.tree_writer import ExtentTreeWriter
from dedupstore.format.entry import Entry, EntryType, encode_entry
from dedupstore.format.pieces import Extent
from dedupstore.ids import ChunkId

from generated_manifest import GroupedManifest
from generated_packs import GeneratedPieces, NewChunks

FIRST_HOUR = datetime(2026, 1, 1, tzinfo=UTC)

FIRST_STATE = b"var/lib/app-00000/state-0000000.json"

_SERVICES = 8
_ROTATE_EVERY_HOURS = 24
_ROTATIONS_KEPT = 3
_BATCH_JOBS = 4
_BATCH_KEPT_HOURS = 6
_AUDITS = 4
_AUDIT_EVERY_HOURS = 3
_AUDIT_FILE_HOURS = 240
_AUDIT_SHARE = 0.3
_SERVICE_SHARE = 0.35
_STATE_SHARE = 0.25
_FILES_PER_FOLDER = 100
_STATES_PER_GROUP = 32
_AUDIT_GROUP = b"var/log/audit"
_BATCH_GROUP = b"var/log/batch"


class Host:
    """A host with many small files and some logs; see ``generated_repository``."""

    def __init__(self, pieces: GeneratedPieces, chunks: NewChunks, seed: int, files: int) -> None:
        """Begin with ``files`` small files of one chunk each."""
        self._tree = ExtentTreeWriter(pieces.add)
        self._chunks = chunks
        self._numbers = random.Random(seed)
        self._states = files
        state_groups = [_state_group(number) for number in range(0, files, _STATES_PER_GROUP)]
        service_groups = [_service_folder(service) for service in range(_SERVICES)]
        self._manifest = GroupedManifest(
            pieces, [*state_groups, _AUDIT_GROUP, _BATCH_GROUP, *service_groups]
        )
        self._sizes: dict[bytes, int] = {}
        self._logs: dict[bytes, Entry] = {}
        self._growing: dict[bytes, list[Extent]] = {}
        self._batches: deque[list[bytes]] = deque()
        self._hour = 0
        self.content_bytes = 0
        for number, extent in enumerate(chunks.store(files)):
            self._write_state(number, [extent])

    @property
    def files(self) -> int:
        """How many files there are now."""
        return len(self._sizes)

    def live_an_hour(self, chunks: int) -> None:
        """Let an hour pass in which ``chunks`` new chunks are written."""
        if self._hour and self._hour % _ROTATE_EVERY_HOURS == 0:
            for service in range(_SERVICES):
                self._rotate(service)
        grown = 0
        if self._hour % _AUDIT_EVERY_HOURS == 0:
            grown = int(chunks * _AUDIT_SHARE)
            self._grow(_AUDIT_GROUP, self._audit_log(), grown)
        served, rewritten = int(chunks * _SERVICE_SHARE), int(chunks * _STATE_SHARE)
        for service, share in enumerate(_shares(served, _SERVICES)):
            self._grow(_service_folder(service), _service_log(service), share)
        self._rewrite_states(rewritten)
        self._run_batches(chunks - grown - served - rewritten)
        self._hour += 1

    def write_manifest(self) -> tuple[ChunkId, int]:
        """Store the manifest of all files as they are now; return its top piece and level."""
        return self._manifest.write()

    def _audit_log(self) -> bytes:
        """Return which log is written to in this hour: a new one is begun every few days."""
        audit = self._hour // _AUDIT_EVERY_HOURS % _AUDITS
        return b"%b/audit-%d-%04d.log" % (_AUDIT_GROUP, audit, self._hour // _AUDIT_FILE_HOURS)

    def _grow(self, group: bytes, path: bytes, chunks: int) -> None:
        """Append to a log, which is made where there is none."""
        if chunks:
            extents = self._growing.setdefault(path, [])
            extents += self._chunks.store(chunks)
            self._logs[path] = self._write(group, path, extents)

    def _rotate(self, service: int) -> None:
        """Rename each ``.N`` to ``.N+1`` and the log to ``.1``; the oldest goes."""
        log, folder = _service_log(service), _service_folder(service)
        names = [log, *(b"%b.%d" % (log, number) for number in range(1, _ROTATIONS_KEPT + 1))]
        self._remove(folder, names[-1])
        for older, newer in reversed(list(pairwise(names))):
            if older in self._logs:
                renamed = replace(self._logs[older], path=newer)
                self._remove(folder, older)
                self._keep(folder, renamed)
                self._logs[newer] = renamed
        self._growing.pop(log, None)

    def _rewrite_states(self, chunks: int) -> None:
        """Write neighbours among the small files anew, of one chunk each if there are enough."""
        first = self._numbers.randrange(self._states)
        for place, share in enumerate(_shares(chunks, min(chunks, self._states)), first):
            self._write_state(place % self._states, self._chunks.store(share))

    def _run_batches(self, chunks: int) -> None:
        paths = []
        for job, share in enumerate(_shares(chunks, _BATCH_JOBS)):
            if share:
                paths.append(b"%b/run-%06d-%d.log" % (_BATCH_GROUP, self._hour, job))
                self._write(_BATCH_GROUP, paths[-1], self._chunks.store(share))
        self._batches.append(paths)
        if len(self._batches) > _BATCH_KEPT_HOURS:
            for path in self._batches.popleft():
                self._remove(_BATCH_GROUP, path)

    def _write_state(self, number: int, extents: Sequence[Extent]) -> None:
        path = b"var/lib/app-%05d/state-%07d.json" % (number // _FILES_PER_FOLDER, number)
        self._write(_state_group(number), path, extents)

    def _write(self, group: bytes, path: bytes, extents: Sequence[Extent]) -> Entry:
        """Give a file, which may be new, the content ``extents``."""
        for extent in extents:
            self._tree.add(extent)
        content = self._tree.finish()
        time_ns = int((FIRST_HOUR + timedelta(hours=self._hour)).timestamp()) * 10**9
        entry = Entry(
            path=path,
            type=EntryType.FILE,
            mode=0o640,
            mtime_ns=time_ns,
            ctime_ns=time_ns,
            size=content.content_bytes,
            content=content,
            user=b"root",
            group=b"adm",
        )
        self._keep(group, entry)
        return entry

    def _keep(self, group: bytes, entry: Entry) -> None:
        self.content_bytes += entry.size - self._sizes.get(entry.path, 0)
        self._sizes[entry.path] = entry.size
        self._manifest.put(group, entry.path, encode_entry(entry))

    def _remove(self, group: bytes, path: bytes) -> None:
        self.content_bytes -= self._sizes.pop(path, 0)
        self._logs.pop(path, None)
        self._manifest.remove(group, path)


def _state_group(number: int) -> bytes:
    return b"var/lib/%d" % (number // _STATES_PER_GROUP)


def _service_folder(service: int) -> bytes:
    return b"var/log/service-%d" % service


def _service_log(service: int) -> bytes:
    return _service_folder(service) + b"/service.log"


def _shares(total: int, count: int) -> list[int]:
    """Return ``count`` numbers that add up to ``total`` and differ by at most one."""
    return [(total * (place + 1) // count) - (total * place // count) for place in range(count)]
