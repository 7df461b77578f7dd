"""What is left of a damaged file, and what is said about it.

It is written beside the file's name, never under it, so that nobody takes it for the whole.
"""

from __future__ import annotations

from dedupstore.engine.file_reader import ByteRange, LossTally, describe_missing
from dedupstore.engine.tree_reader import LostEntries
from dedupstore.format.entry import Entry
from dedupstore.operations.restore.options import EntriesLost, FileDamaged, Overwrite
from dedupstore.operations.restore.writer import NewFile


def keep_what_is_left(
    file: NewFile, entry: Entry, tally: LossTally, partial: bytes, overwrite: Overwrite
) -> FileDamaged:
    """Give what is left of a file the name of ``partial``; return what there is to say.

    Where something exists there, ``Overwrite.NEVER`` leaves it; anything else replaces it.
    """
    name = partial.rpartition(b"/")[2]
    shown = name.decode("utf-8", "backslashreplace")
    try:
        placed = file.place(name, overwrite)
    except OSError as error:
        # The damage is what matters; it must not be hidden by what came of it.
        return _event(entry, tally, f"what is left cannot be kept in {shown}: {error.strerror}")
    if not placed:
        return _event(entry, tally, f"{shown} exists and was left as it is")
    return _event(entry, tally, f"what is left is in {shown}", partial)


def nothing_left(entry: Entry, tally: LossTally, *, can_repair: bool) -> FileDamaged:
    """Return what there is to say of a file of which nothing can be read."""
    advice = "; see what can be mended with: dedupstore repair --dry-run" if can_repair else ""
    return _event(entry, tally, f"nothing of it can be read{advice}")


def not_rebuilt(entry: Entry, tally: LossTally) -> FileDamaged:
    """Return what there is to say of a compressed file that its text does not give back.

    No byte of it is proved then, so all of it is missing.
    """
    reason = f": {tally.damage.message}" if tally.damage else ""
    detail = f"it cannot be rebuilt from its text{reason}; what is left of that comes with --plain"
    return FileDamaged("damaged", entry.path, detail, (ByteRange(0, entry.size),))


def left_out(entry: Entry, tally: LossTally) -> FileDamaged:
    """Return what there is to say of a damaged file that is left out of a tar."""
    if entry.twin is not None:
        return not_rebuilt(entry, tally)
    return _event(entry, tally, "it is left out of the tar")


def entries_lost(lost: LostEntries) -> EntriesLost:
    """Return what there is to say of a lost part of a manifest."""
    around = []
    if lost.after is not None:
        around.append(f"after {_shown(lost.after)}")
    if lost.before is not None:
        around.append(f"before {_shown(lost.before)}")
    where = " and ".join(around) or "of the whole snapshot"
    detail = f"the entries {where} are lost: {lost.damage.message}"
    return EntriesLost("damaged", b"", detail, lost.after, lost.before)


def _event(
    entry: Entry, tally: LossTally, outcome: str, partial: bytes | None = None
) -> FileDamaged:
    reason = f" ({tally.damage.message})" if tally.damage else ""
    detail = f"{describe_missing(tally.missing, entry.size)}{reason}; {outcome}"
    return FileDamaged("damaged", entry.path, detail, tuple(tally.missing), partial)


def _shown(path: bytes) -> str:
    return "/" + path.decode("utf-8", "backslashreplace")
