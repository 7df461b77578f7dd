"""Sizes as people write and read them."""

from __future__ import annotations

import argparse
import re

_UNIT_BYTES = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
}


def parse_bytes(text: str) -> int:
    """Return the bytes that `text` means: a whole number and a unit (none: bytes).

    Raises argparse.ArgumentTypeError, so that it serves as the type of an option.
    """
    match = re.fullmatch(r"(\d+)\s*([A-Za-z]*)", text.strip())
    if match is None or match[2].upper() not in _UNIT_BYTES:
        raise argparse.ArgumentTypeError(f"not a size: {text!r} (for example 64KiB, 10MB, 5GB)")
    return int(match[1]) * _UNIT_BYTES[match[2].upper()]


def megabytes(size_bytes: float) -> str:
    """Return a size in decimal megabytes, with one decimal below 100 MB."""
    size = size_bytes / 10**6
    return f"{size:,.1f} MB" if abs(size) < 100 else f"{size:,.0f} MB"
