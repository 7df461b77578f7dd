"""Deterministic bytes to cut, and the kernels to cut them with."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable

import pytest

from dedupstore.chunking.kernel import Kernel, available_kernels
from golden.chunking.reference import gear_hashes, gear_table, mask_of

KERNEL_DETAILS = ("avx2", "scalar", "interpreter")


def kernel_or_skip(detail: str) -> Kernel:
    """Return the kernel that runs on `detail`; skip the test where there is none."""
    kernels = {kernel.detail: kernel for kernel in available_kernels()}
    if detail in kernels:
        return kernels[detail]
    if all(kernel.name == "python" for kernel in kernels.values()):
        pytest.skip("the native extension is not built")
    pytest.skip(f"this processor has no {detail}")


def random_bytes(label: str, count: int) -> bytes:
    """Return bytes without structure."""
    return hashlib.shake_256(label.encode()).digest(count)


def log_lines(label: str, count: int) -> bytes:
    """Return `count` bytes of a log: few templates, some fields that vary."""
    lines = []
    fields = hashlib.shake_256(label.encode()).digest(count)
    length = 0
    for number in range(count):
        a, b, c, d = fields[4 * number : 4 * number + 4]
        line = (
            f"2024-05-{1 + number // 5000:02}T{number // 200 % 24:02}:{a % 60:02}:{b % 60:02}Z "
            f"host{a % 7} sshd[{1000 + c}]: {('Accepted', 'Failed', 'Closed')[b % 3]} "
            f"connection from 10.0.{c % 16}.{d} port {256 * c + d}\n"
        )
        lines.append(line)
        length += len(line)
        if length >= count:
            break
    return "".join(lines).encode()[:count]


def text_without_newlines(label: str, count: int) -> bytes:
    """Return text that is one line."""
    return log_lines(label, count).replace(b"\n", b" ")


def long_lines(label: str, count: int) -> bytes:
    """Return random bytes where newlines are some 40,000 bytes apart."""
    data = bytearray(random_bytes(label, count).replace(b"\n", b"-"))
    for position in range(39_999, count, 40_000):
        data[position] = 0x0A
    return bytes(data)


def zeros(label: str, count: int) -> bytes:
    """Return zero bytes; the label does not matter."""
    return bytes(count)


@functools.cache
def trigger(strength: str, seed: bytes = b"published") -> bytes:
    """Return 64 bytes that allow a cut behind them at a target of 16 KiB, and only there.

    A "hard" trigger passes the hard mask, an "easy" one no more than the easy mask, a "late" one
    neither, but bits 6 to 15. Among zeros, no other position near it passes any.
    """
    for attempt in range(100):
        data = random_bytes(f"trigger {attempt}", 100_000)
        hashes = gear_hashes(data, seed)
        for end in range(64, len(data)):
            if hashes[end] & mask_of(10) == 0:
                masks = {"hard": mask_of(16), "easy": mask_of(11), "late": mask_of(10)}
                passed = next(name for name, mask in masks.items() if not hashes[end] & mask)
                window = data[end - 64 : end]
                around = gear_hashes(bytes(64) + window + bytes(64), seed)
                passing = [p for p, value in enumerate(around) if value & mask_of(10) == 0]
                if passed == strength and b"\n" not in window and passing[1:] == [128]:
                    return window
    raise LookupError(f"found no {strength} trigger")


def planted(label: str, count: int) -> bytes:
    """Return zeros with what the label plants, as in "hard 4095 newline 5000".

    A trigger ends at its position, a newline stands at its offset.
    """
    data = bytearray(count)
    words = label.split()
    for what, position in zip(words[::2], map(int, words[1::2]), strict=True):
        planted_bytes = b"\n" if what == "newline" else trigger(what)
        start = position if what == "newline" else position - len(planted_bytes)
        data[start : start + len(planted_bytes)] = planted_bytes
    return bytes(data[:count])


GENERATORS: dict[str, Callable[[str, int], bytes]] = {
    function.__name__: function
    for function in (random_bytes, log_lines, text_without_newlines, long_lines, zeros, planted)
}


def all_candidates() -> tuple[bytes, int]:
    """Return a seed and a byte whose runs pass bits 6 to 15 everywhere, yet not the others.

    This is the worst that data can do to a kernel which tests those bits first.
    """
    for number in range(1000):
        seed = b"all candidates %d" % number
        for byte, entry in enumerate(gear_table(seed)):
            run_hash = -entry % 2**64
            if byte != 0x0A and run_hash & mask_of(10) == 0 != run_hash >> 61:
                return seed, byte
    raise LookupError("no seed has such a byte")
