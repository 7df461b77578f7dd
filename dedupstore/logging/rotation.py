"""Archiving the files that the standard rotating handlers rotate, before they are removed."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from logging.handlers import BaseRotatingHandler, TimedRotatingFileHandler

from dedupstore.engine.repository import Repository, open_repository
from dedupstore.errors import SourceError
from dedupstore.operations.holds import holds
from dedupstore.operations.snapshot.report import SnapshotOptions, SnapshotReport
from dedupstore.operations.snapshot.run import snapshot

_SET_ASIDE = ".unarchived-"

_Identity = tuple[int, int, int, int]


class ArchiveRotation:
    """What a rotating handler names and rotates by, so that all it rotates is archived.

    After each rotation a snapshot is taken of the log and its rotated files. If that fails, it is
    told by the handler's ``handleError``, the program goes on, and the rotated file is set aside as
    ``NAME.unarchived-N``, out of the handler's reach. Files set aside are archived with the next
    rotation for which there is an archive, and only then removed. A file that the handler is about
    to replace, and that no snapshot holds, is archived or set aside before.

    The repository is open only meanwhile; the handler's lock is held, so that other threads wait
    until the snapshot is taken.
    """

    def __init__(
        self,
        handler: BaseRotatingHandler,
        repository: str | os.PathLike[str],
        *,
        set_name: str | None = None,
        cache_folder: str | None = None,
        lock_wait_seconds: float = 0.0,
    ) -> None:
        """Archive to the folder ``repository``, as snapshots of the set ``set_name``.

        The default set is ``HOST-NAME`` with the name of the log file. What ``handler.namer`` and
        ``handler.rotator`` are is still done. See ``open_repository`` for the rest.
        """
        self._handler = handler
        self._repository = os.path.abspath(repository)
        self._cache_folder = cache_folder
        self._lock_wait_seconds = lock_wait_seconds
        self._log = os.path.abspath(handler.baseFilename)
        if set_name is None:
            set_name = f"{SnapshotOptions().effective_host()}-{os.path.basename(self._log)}"
        self._options = SnapshotOptions(set_name=set_name)
        self._options.effective_set()
        self._inner_filename = handler.rotation_filename
        self._inner_rotate = handler.rotate
        self._named: set[str] = set()
        self._archived: set[_Identity] = set()

    def rotation_filename(self, default_name: str) -> str:
        """Return the name for a rotated file; a file that has it is made safe first."""
        name = self._inner_filename(default_name)
        self._named.add(os.path.abspath(name))
        if os.path.isfile(name) and not self._is_archived(name):
            self._make_safe([name], may_be_held=True)
        return name

    def rotate(self, source: str, dest: str) -> None:
        """Rotate the log ``source`` to ``dest``, and archive it."""
        try:
            self._inner_rotate(source, dest)
        except Exception:
            self._tell(f"{source} could not be rotated")
            return
        endangered = [dest] if os.path.isfile(dest) else []
        handler = self._handler
        if isinstance(handler, TimedRotatingFileHandler) and handler.backupCount > 0:
            endangered += handler.getFilesToDelete()
        self._make_safe(endangered, may_be_held=False)

    def _is_archived(self, path: str) -> bool:
        return self._archived.issuperset(_identities([path]).values())

    def _make_safe(self, paths: list[str], *, may_be_held: bool) -> None:
        """Archive the log's files and others that may be removed next, or set the latter aside."""
        try:
            self._archive(paths, may_be_held=may_be_held)
        except Exception:
            unproved = [path for path in paths if not self._is_archived(path)]
            self._tell(f"{', '.join(unproved or [self._log])} could not be archived")
            for path in unproved:
                self._set_aside(path)

    def _archive(self, paths: list[str], *, may_be_held: bool) -> None:
        sources = sorted({*self._family(), *map(os.path.abspath, paths)})
        if not sources:
            return
        before = _identities(sources)
        with open_repository(
            self._repository,
            cache_folder=self._cache_folder,
            lock_wait_seconds=self._lock_wait_seconds,
        ) as repository:
            if may_be_held and self._are_held(repository, paths):
                self._archived.update(before[os.path.abspath(path)] for path in paths)
                return
            report = snapshot(repository, sources, self._options)
        left_out = {os.fsdecode(warning.path) for warning in report.warnings}
        archived = {path: before[path] for path in before if path not in left_out}
        self._archived = set(archived.values())
        self._remove_set_aside(archived)
        _require_complete(report)

    def _are_held(self, repository: Repository, paths: list[str]) -> bool:
        found = holds(repository, paths, set_name=self._options.set_name)
        return all(file.snapshot is not None for file in found)

    def _remove_set_aside(self, archived: dict[str, _Identity]) -> None:
        for path, identity in archived.items():
            if path.startswith(self._log + _SET_ASIDE) and _identities([path]) == {path: identity}:
                os.remove(path)

    def _family(self) -> list[str]:
        """Return the log, all that is named after it, and what the handler has named, if there."""
        folder, name = os.path.split(self._log)
        names = [n for n in os.listdir(folder) if n == name or n.startswith(name + ".")]
        self._named = {path for path in self._named if os.path.isfile(path)}
        paths = {os.path.join(folder, each) for each in names} | self._named
        return [path for path in paths if os.path.isfile(path)]

    def _set_aside(self, path: str) -> None:
        number = 1
        while os.path.lexists(f"{self._log}{_SET_ASIDE}{number}"):
            number += 1
        try:
            os.rename(path, f"{self._log}{_SET_ASIDE}{number}")
        except OSError:
            self._tell(f"{path} could not be set aside")

    def _tell(self, message: str) -> None:
        """Tell of the exception that is being handled, as the handler tells of its own."""
        record = logging.LogRecord(__name__, logging.ERROR, __file__, 0, message, None, None)
        self._handler.handleError(record)


def archive_rotated(
    handler: BaseRotatingHandler,
    repository: str | os.PathLike[str],
    *,
    set_name: str | None = None,
    cache_folder: str | None = None,
    lock_wait_seconds: float = 0.0,
) -> ArchiveRotation:
    """Have a rotating handler archive what it rotates, from now on; see ``ArchiveRotation``.

    Raises:
        UsageError: the set has an impossible name.
    """
    rotation = ArchiveRotation(
        handler,
        repository,
        set_name=set_name,
        cache_folder=cache_folder,
        lock_wait_seconds=lock_wait_seconds,
    )
    # Not as namer and rotator: with a namer of its own, a TimedRotatingFileHandler may take the
    # files of another log for its own, and remove them.
    vars(handler).update(rotation_filename=rotation.rotation_filename, rotate=rotation.rotate)
    return rotation


def _identities(paths: Iterable[str]) -> dict[str, _Identity]:
    """Return what tells each file, as it is now, from others; files that are gone are left out."""
    found = {}
    for path in paths:
        with suppress(FileNotFoundError):
            status = os.stat(path)
            found[path] = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
    return found


def _require_complete(report: SnapshotReport) -> None:
    if report.warnings:
        first = report.warnings[0]
        raise SourceError(f"{os.fsdecode(first.path)}: {first.detail}")
