"""Of which log a file is an older part."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from dedupstore.engine.lineage import TELLING_BYTES_MIN
from dedupstore.format.entry import Entry
from dedupstore.logs.rotation_names import lineage_of

_ALIKE_MAX = 64
"""A text that more files have says nothing of any, and looking at all of them would take long."""


def lineage_after(path: bytes, known: Entry | None) -> bytes:
    """Return the path of the log that the file at ``path`` is an older part of.

    ``known`` is what the last snapshot knew as the same file, or as one with the same text: under
    another path it was the log itself, or a part of one. Where nothing is known, the name decides.
    Empty where the file is the log itself, or no part of one.
    """
    if known is None:
        return lineage_of(path)
    if known.path == path:
        return known.lineage
    if known.path == lineage_of(path):
        # It was the log of that name, whatever that had been before.
        return known.path
    lineage = known.lineage or known.path
    return b"" if lineage == path else lineage


def source_of_text(path: bytes, files: Iterable[Entry]) -> Entry | None:
    """Return which of the known ``files`` with its text the file at ``path`` was made of.

    The one is taken that the name of the file speaks for; else the first, but not of short texts,
    which may well be alike by chance, and not where very many files have the text.
    """
    alike = list(islice(files, _ALIKE_MAX + 1))
    if len(alike) > _ALIKE_MAX:
        return None
    by_name = lineage_of(path)
    agreeing = next((entry for entry in alike if (entry.lineage or entry.path) == by_name), None)
    if agreeing is not None or not alike:
        return agreeing
    return alike[0] if alike[0].content.content_bytes >= TELLING_BYTES_MIN else None
