"""The system calls that a command makes for each file: by what they grow when the files double."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from guards.syscall_tracer import NOT_TRACED

_TRACER = Path(__file__).with_name("syscall_tracer.py")
_TIMEOUT_SECONDS = 120

# From the kernel's arch/x86/entry/syscalls/syscall_64.tbl: those that files are handled with.
_NAMES_X86_64 = {
    0: "read", 1: "write", 3: "close", 4: "stat", 5: "fstat", 6: "lstat", 8: "lseek", 9: "mmap",
    10: "mprotect", 11: "munmap", 12: "brk", 16: "ioctl", 17: "pread64", 18: "pwrite64",
    19: "readv", 20: "writev", 28: "madvise", 32: "dup", 39: "getpid", 72: "fcntl", 73: "flock",
    74: "fsync", 75: "fdatasync", 77: "ftruncate", 82: "rename", 83: "mkdir", 87: "unlink",
    88: "symlink", 89: "readlink", 90: "chmod", 91: "fchmod", 92: "chown", 93: "fchown",
    191: "getxattr", 192: "lgetxattr", 193: "fgetxattr", 202: "futex", 217: "getdents64",
    221: "fadvise64", 230: "clock_nanosleep", 257: "openat", 258: "mkdirat", 260: "fchownat",
    262: "newfstatat", 263: "unlinkat", 264: "renameat", 265: "linkat", 267: "readlinkat",
    268: "fchmodat", 269: "faccessat", 277: "sync_file_range", 280: "utimensat",
    285: "fallocate", 295: "preadv", 296: "pwritev", 316: "renameat2", 318: "getrandom",
    326: "copy_file_range", 327: "preadv2", 328: "pwritev2", 332: "statx", 439: "faccessat2",
}  # fmt: skip

_OF_THREADS_AND_MEMORY = {
    "futex", "clock_nanosleep", "mmap", "mprotect", "munmap", "brk", "madvise",
}  # fmt: skip
"""What depends on how threads meet and on the allocator, not on the files."""


def count_syscalls(command: Sequence[str | Path], scratch: Path) -> Counter[str]:
    """Run a command, which must succeed, and return how often it made each system call.

    Those by which threads wait and memory is had are left out. The test is skipped where the
    system does not let a process be traced.
    """
    counts_path = scratch / "syscalls.json"
    arguments = [sys.executable, _TRACER, counts_path, *command]
    done = subprocess.run(
        arguments, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False, text=True
    )
    found = json.loads(counts_path.read_text())
    if done.returncode == NOT_TRACED:
        pytest.skip(f"tracing is refused: {found}")
    assert done.returncode == 0, done.stderr
    counts = Counter({_name(int(number)): count for number, count in found.items()})
    return Counter({name: n for name, n in counts.items() if name not in _OF_THREADS_AND_MEMORY})


def _name(number: int) -> str:
    names = _NAMES_X86_64 if platform.machine() == "x86_64" else {}
    return names.get(number, f"call {number}")
