"""Going through the chosen entries of a snapshot."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.path_patterns import PathMatcher, compile_selection
from dedupstore.engine.snapshots import Snapshot
from dedupstore.engine.tree_reader import LostEntries, manifest_entries, readable_entries
from dedupstore.errors import PathUnknown
from dedupstore.format.entry import Entry, EntryType


class Selection:
    """The entries of a snapshot that some selectors choose.

    ``selectors`` are paths or globs from the root, with or without the leading ``/``; a folder is
    chosen with all it holds; without any, everything is chosen. ``unmatched`` returns, after the
    entries have been gone through, the selectors that chose nothing.
    """

    def __init__(self, selectors: Sequence[bytes]) -> None:
        self._matchers: dict[bytes, PathMatcher] = {
            selector: compile_selection([selector]) for selector in selectors
        }
        self._unmatched = set(self._matchers)

    def entries(
        self,
        reader: ChunkReader,
        snapshot: Snapshot,
        on_lost: Callable[[LostEntries], None] | None = None,
    ) -> Iterator[tuple[Entry, bool]]:
        """Yield every entry in path order, and whether it is chosen.

        With ``on_lost``, entries that are lost do not end it: it is told between which paths.

        Raises:
            ChunkUnreadable, FormatError, UnsupportedFormat, StorageError: the manifest cannot be
                read.
        """
        manifest, level = snapshot.record.manifest, snapshot.record.manifest_level
        if on_lost is None:
            entries = manifest_entries(reader, manifest, level)
        else:
            entries = readable_entries(reader, manifest, level, on_lost)
        for entry in entries:
            yield entry, self._choose(entry.path)

    def unmatched(self) -> list[bytes]:
        """Return the selectors that have chosen nothing so far, in the order they were given."""
        return [selector for selector in self._matchers if selector in self._unmatched]

    def refuse_if_nothing_matched(self) -> None:
        """Raise if there are selectors and none of them has chosen anything.

        Raises:
            PathUnknown: the snapshot holds none of what was asked for.
        """
        if len(self._unmatched) == len(self._matchers):
            self.refuse_unmatched()

    def refuse_unmatched(self) -> None:
        """Raise if any of the selectors has chosen nothing.

        Raises:
            PathUnknown: the snapshot does not hold all that was asked for.
        """
        if self._unmatched:
            names = ", ".join(os.fsdecode(selector) for selector in self.unmatched())
            raise PathUnknown(
                f"the snapshot does not hold {names}",
                hint="paths count from the root, and '**/NAME' is NAME at any depth; "
                "see what it holds with: dedupstore ls SNAPSHOT",
            )

    def _choose(self, path: bytes) -> bool:
        if not self._matchers:
            return True
        chosen = [selector for selector, matches in self._matchers.items() if matches(path)]
        self._unmatched.difference_update(chosen)
        return bool(chosen)


def find_file(reader: ChunkReader, snapshot: Snapshot, path: bytes) -> Entry:
    """Return the entry of the file at ``path``, with or without its leading ``/``.

    Raises:
        PathUnknown: there is nothing, or no file, at that path.
        ChunkUnreadable, FormatError, UnsupportedFormat, StorageError: the manifest, or where the
            entry should be in it, cannot be read.
    """
    wanted = path.strip(b"/")
    record = snapshot.record
    lost: list[LostEntries] = []
    for entry in readable_entries(reader, record.manifest, record.manifest_level, lost.append):
        if entry.path == wanted:
            if entry.type is EntryType.FILE:
                return entry
            raise PathUnknown(f"{os.fsdecode(path)} is a {entry.type.name.lower()}, not a file")
    for entries in lost:
        if entries.may_hold(wanted):
            raise entries.damage
    raise PathUnknown(
        f"the snapshot does not hold {os.fsdecode(path)}",
        hint="see what it holds with: dedupstore ls SNAPSHOT",
    )
