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


def parse_sizes(text: str) -> list[int]:
    """Return the sizes, in bytes, of a list with commas; those that are 0 are left out."""
    return [size for size in map(parse_bytes, text.split(",")) if size]


def gigabytes(size_bytes: float) -> str:
    """Return a size in decimal gigabytes, or megabytes if it is smaller than one."""
    return f"{size_bytes / 10**9:,.4g} GB" if size_bytes >= 10**9 else megabytes(size_bytes)


def megabytes(size_bytes: float) -> str:
    """Return a size in decimal megabytes with three digits, or in kilobytes below 0.1 MB."""
    if not size_bytes:
        return "0 MB"
    size = size_bytes / 10**6
    if abs(size) < 0.1:
        return f"{size * 1000:,.0f} kB"
    digits = 2 if abs(size) < 10 else 1 if abs(size) < 100 else 0
    return f"{size:,.{digits}f} MB"
