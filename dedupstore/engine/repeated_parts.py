"""Parts of a log whose text another part holds too, so that it is not read twice.

While a log is rotated, there are moments at which a text is there twice: it has been copied and not
yet truncated, compressed and not yet removed, or was met under its old name and its new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.file_reader import zeros
from dedupstore.engine.growth_match import begins_with, have_same_bytes
from dedupstore.engine.lineage import Lineage
from dedupstore.engine.log_text import Piece, has_text, is_packed, text_pieces
from dedupstore.errors import DamageError
from dedupstore.format.entry import Entry
from dedupstore.logs.rotation_names import rotated_name

_COPYING_NS_MAX = 60 * 1_000_000_000


def repeated_parts(reader: ChunkReader, lineage: Lineage) -> dict[bytes, bytes]:
    """Return the path of each file that may be left out, and that of the one that has its text.

    A file is left out only where its name, inode or times say that it may be a copy of another,
    and that one's text begins with all of its own. Two days on which the same was logged stay two.

    Raises:
        UnsupportedFormat, StorageError: what is stored cannot be read. A file that is damaged is
            never left out.
    """
    files = [file for file in lineage.files if has_text(reader, file)]
    repeated = dict(_same_file(reader, files))
    for first, second in _suspects(lineage.log, files):
        if first.path in repeated or second.path in repeated:
            continue
        for shorter, longer in ((first, second), (second, first)):
            if _may_repeat(shorter, longer, lineage) and begins_with_text(reader, longer, shorter):
                repeated[shorter.path] = longer.path
                break
    return repeated


def _same_file(reader: ChunkReader, files: Sequence[Entry]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the files that are left out because one of the same inode has their text.

    There may be very many: hard links, which a log may have grown between. So each is held against
    one only, the last that was not left out.
    """
    for group in _grouped(files, _inode):
        kept: Entry | None = None
        group.sort(key=lambda file: file.content.content_bytes)
        # The longest first, and of equals the youngest.
        for file in group[::-1]:
            if kept is not None and begins_with_text(reader, kept, file):
                yield file.path, kept.path
            else:
                kept = file


def _suspects(log: bytes, files: Sequence[Entry]) -> Iterator[tuple[Entry, Entry]]:
    for group in _grouped(files, _place):
        yield from combinations(group, 2)
    if len(files) > 1 and files[-1].path == log:
        yield files[-2], files[-1]


def _grouped(files: Sequence[Entry], key: Callable[[Entry], object]) -> Iterable[list[Entry]]:
    groups: dict[object, list[Entry]] = {}
    for file in files:
        groups.setdefault(key(file), []).append(file)
    return groups.values()


def _inode(file: Entry) -> object:
    return (file.device, file.inode) if file.inode else file.path


def _place(file: Entry) -> object:
    """Return what is equal for ``app.log.1`` and ``app.log.1.gz``."""
    return file.path.removesuffix(rotated_name(file.path).compression)


def _may_repeat(shorter: Entry, longer: Entry, lineage: Lineage) -> bool:
    if _place(shorter) == _place(longer):
        return True
    # A copy is made within moments of the last line that it holds, and then the log is truncated;
    # but a log that only begins as the last one did is no copy of it.
    copy, log = (shorter, longer) if longer.path == lineage.log else (longer, shorter)
    slack_ns = _COPYING_NS_MAX if longer is log else 0
    return copy.mtime_ns >= log.mtime_ns - slack_ns


def begins_with_text(reader: ChunkReader, longer: Entry, shorter: Entry) -> bool:
    """Tell whether one text begins with all of the other."""
    if longer.content == shorter.content and (longer.twin is None) == (shorter.twin is None):
        return True
    try:
        if is_packed(reader, longer) or is_packed(reader, shorter):
            return _text_begins(text_pieces(reader, longer), text_pieces(reader, shorter))
        return have_same_bytes(reader, longer.content, shorter.content) or begins_with(
            reader, longer.content, shorter.content
        )
    except DamageError:
        return False


def _text_begins(longer: Iterator[Piece], shorter: Iterator[Piece]) -> bool:
    rest = memoryview(b"")
    longer_bytes = _readable_bytes(longer)
    for piece in _readable_bytes(shorter):
        begin = 0
        while begin < len(piece):
            if not rest:
                rest = next(longer_bytes, rest)
                if not rest:
                    return False
            step = min(len(rest), len(piece) - begin)
            if rest[:step] != piece[begin : begin + step]:
                return False
            rest, begin = rest[step:], begin + step
    return True


def _readable_bytes(pieces: Iterator[Piece]) -> Iterator[memoryview]:
    """Yield the bytes of a text up to where the file can no longer be unpacked."""
    try:
        for piece in pieces:
            if isinstance(piece, int):
                yield from zeros(piece)
            elif piece:
                yield memoryview(piece)
    except (EOFError, ValueError):
        return
