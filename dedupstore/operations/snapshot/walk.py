"""Walking the sources in path order, without following symbolic links."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from dedupstore.engine.path_patterns import PathMatcher
from dedupstore.operations.snapshot.sources import manifest_path

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class SourceItem(NamedTuple):
    """A path that was found, and what ``lstat`` said of it."""

    absolute: bytes
    status: os.stat_result


class WalkObserver(Protocol):
    """Hears of what the walk leaves out."""

    def unreadable(self, absolute: bytes, error: OSError) -> None:
        """A path could not be looked at."""

    def vanished(self, absolute: bytes) -> None:
        """A path was listed and is gone."""

    def excluded(self, absolute: bytes) -> None:
        """A path matches an exclude pattern, or is the repository itself."""

    def other_file_system(self, absolute: bytes) -> None:
        """A folder is on another file system and the walk stays on one."""


class SilentObserver:
    """Ignores what a walk leaves out; for walks that only add sizes up."""

    def unreadable(self, absolute: bytes, error: OSError) -> None:
        """See ``WalkObserver.unreadable``."""

    def vanished(self, absolute: bytes) -> None:
        """See ``WalkObserver.vanished``."""

    def excluded(self, absolute: bytes) -> None:
        """See ``WalkObserver.excluded``."""

    def other_file_system(self, absolute: bytes) -> None:
        """See ``WalkObserver.other_file_system``."""


class WalkRules(NamedTuple):
    """What a walk leaves out.

    ``repository`` is the device and inode of the repository's folder, which never goes into
    itself.
    """

    excluded: PathMatcher
    one_file_system: bool
    repository: tuple[int, int] | None


def walk_roots(
    roots: list[bytes], rules: WalkRules, observer: WalkObserver
) -> Iterator[SourceItem]:
    """Yield everything at and below ``roots`` in path order; a folder before what it holds."""
    for root in roots:
        try:
            status = os.lstat(root)
        except OSError as error:
            observer.unreadable(root, error)
            continue
        yield from _walk_tree(SourceItem(root, status), rules, observer)


def _walk_tree(root: SourceItem, rules: WalkRules, observer: WalkObserver) -> Iterator[SourceItem]:
    # Paths wait, not what lstat says of them: a folder may hold a million files.
    pending = [root.absolute]
    while pending:
        item = _look_at(pending.pop(), observer)
        if item is None or _is_left_out(item, rules, observer):
            continue
        # The root of the file system has no name, and so no entry of its own.
        if manifest_path(item.absolute):
            yield item
        if not stat.S_ISDIR(item.status.st_mode):
            continue
        if rules.one_file_system and item.status.st_dev != root.status.st_dev:
            observer.other_file_system(item.absolute)
            continue
        pending.extend(reversed(_list_folder(item.absolute, observer)))


def _is_left_out(item: SourceItem, rules: WalkRules, observer: WalkObserver) -> bool:
    is_repository = (item.status.st_dev, item.status.st_ino) == rules.repository
    if is_repository or rules.excluded(manifest_path(item.absolute)):
        observer.excluded(item.absolute)
        return True
    return False


def _look_at(absolute: bytes, observer: WalkObserver) -> SourceItem | None:
    try:
        return SourceItem(absolute, os.lstat(absolute))
    except FileNotFoundError:
        observer.vanished(absolute)
    except OSError as error:
        observer.unreadable(absolute, error)
    return None


def _list_folder(folder: bytes, observer: WalkObserver) -> list[bytes]:
    """Return the paths in a folder, sorted."""
    try:
        descriptor = os.open(folder, _OPEN_FOLDER)
    except FileNotFoundError:
        observer.vanished(folder)
        return []
    except OSError as error:
        observer.unreadable(folder, error)
        return []
    prefix = folder.rstrip(b"/") + b"/"
    try:
        return sorted(prefix + os.fsencode(name) for name in os.listdir(descriptor))
    except OSError as error:
        observer.unreadable(folder, error)
        return []
    finally:
        os.close(descriptor)
