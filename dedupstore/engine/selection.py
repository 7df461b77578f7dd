"""Going through the chosen entries of a snapshot."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from dedupstore.engine.manifest_search import ManifestSearch
from dedupstore.engine.path_patterns import PathMatcher, compile_selection, folder_of_selector
from dedupstore.engine.snapshots import Snapshot
from dedupstore.engine.tree_reader import (
    LostEntries,
    PieceReader,
    manifest_entries,
    readable_entries,
)
from dedupstore.errors import DamageError, PathUnknown
from dedupstore.format.entry import Entry, EntryType, path_sort_key


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
        self._ranges = _ranges([folder_of_selector(selector) for selector in selectors])

    def entries(
        self,
        reader: PieceReader,
        snapshot: Snapshot,
        on_lost: Callable[[LostEntries], None] | None = None,
    ) -> Iterator[tuple[Entry, bool]]:
        """Yield all chosen entries and the folders above them in path order, and which is chosen.

        Others may be among them: where a selector is a glob, what it begins with says how much of
        the manifest is read. With ``on_lost``, entries that are lost do not end it: it is told
        between which paths.

        Raises:
            ChunkUnreadable, FormatError, UnsupportedFormat, StorageError: the manifest cannot be
                read.
        """
        for entry in self._read(reader, snapshot, on_lost):
            yield entry, self._choose(entry.path)

    def _read(
        self,
        reader: PieceReader,
        snapshot: Snapshot,
        on_lost: Callable[[LostEntries], None] | None,
    ) -> Iterator[Entry]:
        manifest, level = snapshot.record.manifest, snapshot.record.manifest_level
        last_key = b""
        if self._ranges is not None:
            search = ManifestSearch(reader, manifest, level)
            try:
                for begin, end in self._ranges:
                    for entry in search.entries_from(begin):
                        key = path_sort_key(entry.path)
                        if key >= end:
                            break
                        last_key = key
                        yield entry
                return
            except DamageError:
                if on_lost is None:
                    raise
        if on_lost is None:
            entries = manifest_entries(reader, manifest, level)
        else:
            entries = readable_entries(reader, manifest, level, on_lost)
        yield from (entry for entry in entries if path_sort_key(entry.path) > last_key)

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


def _ranges(paths: Sequence[bytes]) -> list[tuple[bytes, bytes]] | None:
    """Return between which sort keys all below ``paths``, and the folders above them, are.

    Each range ends before its second key; they are in order and apart. ``None``: anywhere.
    """
    if not all(paths) or not paths:
        return None
    ranges: set[tuple[bytes, bytes]] = set()
    for path in paths:
        key = path_sort_key(path)
        # Nothing else is between a key and that with a NUL behind it, or sorts among what is below.
        ranges.add((key, key + b"\1"))
        while b"\0" in key:
            key = key.rpartition(b"\0")[0]
            ranges.add((key, key + b"\0"))
    merged: list[tuple[bytes, bytes]] = []
    for begin, end in sorted(ranges):
        if merged and begin < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return merged


def find_file(reader: PieceReader, snapshot: Snapshot, path: bytes) -> Entry:
    """Return the entry of the file at ``path``, with or without its leading ``/``.

    Raises:
        PathUnknown: there is nothing, or no file, at that path.
        ChunkUnreadable, FormatError, UnsupportedFormat, StorageError: the manifest, or where the
            entry should be in it, cannot be read.
    """
    wanted = path.strip(b"/")
    lost: list[LostEntries] = []
    # One that is spelled like the path chooses it, whatever characters it holds.
    for entry, _ in Selection([wanted]).entries(reader, snapshot, lost.append):
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
