"""Names that people choose: of sets, hosts and tags."""

from __future__ import annotations

from dedupstore.errors import UsageError

LABEL_CHARACTERS_MAX = 200


def check_label(label: str) -> None:
    """Refuse names of sets, hosts and tags that would not survive a terminal or a script.

    Raises:
        UsageError: the label is empty, too long, or holds control characters or broken Unicode.
    """
    if not 0 < len(label) <= LABEL_CHARACTERS_MAX or not label.isprintable():
        raise UsageError(
            f"not a name for a set, host or tag: {label[:80]!r}",
            hint=f"use 1 to {LABEL_CHARACTERS_MAX} printable characters",
        )
