"""Walking the sources in path order, without following symbolic links."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from dedupstore.engine.path_patterns import PathMatcher

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class SourceItem(NamedTuple):
    """A path that was found, also as it stands in a manifest, and what ``lstat`` said of it."""

    absolute: bytes
    path: bytes
    status: os.stat_result


class WalkObserver(Protocol):
    """Hears of what the walk leaves out."""

    def unreadable(self, absolute: bytes, error: OSError) -> None:
        """A path could not be looked at."""

    def left_out(self, absolute: bytes, error: OSError) -> None:
        """A path was listed and is gone, or could not be looked at."""

    def excluded(self, absolute: bytes) -> None:
        """A path matches an exclude pattern, or is the repository itself."""

    def other_file_system(self, absolute: bytes) -> None:
        """A folder is on another file system and the walk stays on one."""


class SilentObserver:
    """Ignores what a walk leaves out; for walks that only add sizes up."""

    def unreadable(self, absolute: bytes, error: OSError) -> None:
        """See ``WalkObserver.unreadable``."""

    def left_out(self, absolute: bytes, error: OSError) -> None:
        """See ``WalkObserver.left_out``."""

    def excluded(self, absolute: bytes) -> None:
        """See ``WalkObserver.excluded``."""

    def other_file_system(self, absolute: bytes) -> None:
        """See ``WalkObserver.other_file_system``."""


class WalkRules(NamedTuple):
    """What a walk leaves out.

    ``excluded`` tells which paths, as they stand in a manifest; ``None`` where it would be none.
    ``repository`` is the device and inode of the repository's folder, which never goes into
    itself.
    """

    excluded: PathMatcher | None
    one_file_system: bool
    repository: tuple[int, int] | None


def walk_roots(
    roots: list[bytes], rules: WalkRules, observer: WalkObserver
) -> Iterator[SourceItem]:
    """Yield everything at and below ``roots`` in path order; a folder before what it holds."""
    for root in roots:
        try:
            device = os.lstat(root).st_dev
        except OSError as error:
            observer.unreadable(root, error)
            continue
        yield from _walk_tree(root, device, rules, observer)


def _walk_tree(
    root: bytes, root_device: int, rules: WalkRules, observer: WalkObserver
) -> Iterator[SourceItem]:
    above, _, name = root.rpartition(b"/")
    # Names wait, not what lstat says of them: a folder may hold a million files.
    pending = [(above + b"/", [name])]
    while pending:
        prefix, names = pending[-1]
        if not names:
            pending.pop()
            continue
        absolute = prefix + names.pop()
        try:
            status = os.lstat(absolute)
        except OSError as error:
            observer.left_out(absolute, error)
            continue
        item = SourceItem(absolute, absolute[1:], status)
        is_folder = stat.S_ISDIR(status.st_mode)
        if (is_folder and (status.st_dev, status.st_ino) == rules.repository) or (
            rules.excluded is not None and rules.excluded(item.path)
        ):
            observer.excluded(absolute)
            continue
        # The root of the file system has no name, and so no entry of its own.
        if item.path:
            yield item
        if is_folder and rules.one_file_system and status.st_dev != root_device:
            observer.other_file_system(absolute)
        elif is_folder:
            pending.append((absolute.rstrip(b"/") + b"/", _list_folder(absolute, observer)))


def _list_folder(folder: bytes, observer: WalkObserver) -> list[bytes]:
    """Return the names in a folder, the last one first."""
    try:
        descriptor = os.open(folder, _OPEN_FOLDER)
    except OSError as error:
        observer.left_out(folder, error)
        return []
    try:
        with os.scandir(descriptor) as found:
            return sorted([os.fsencode(entry.name) for entry in found], reverse=True)
    except OSError as error:
        observer.unreadable(folder, error)
        return []
    finally:
        os.close(descriptor)
