"""Counts the system calls of a command and of all its threads, by ptrace and with nothing else.

Run as ``python syscall_tracer.py COUNTS COMMAND ARGUMENT…``: in a process of its own, since a
tracer waits for every child there is. It exits as the command does, and writes ``{number: count}``
as JSON to the file ``COUNTS``; where the system does not let it trace, the reason as a string.

See ptrace(2). A traced thread stops at the entry and at the exit of each call, in turn.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import sys
from collections import Counter
from contextlib import suppress
from typing import NoReturn

_TRACEME = 0
_SYSCALL = 24
_SETOPTIONS = 0x4200
_GET_SYSCALL_INFO = 0x420E
_OPTIONS = 0x00000001 | 0x00000008 | 0x00100000  # TRACESYSGOOD, TRACECLONE, EXITKILL
_SYSCALL_STOP = signal.SIGTRAP | 0x80
_WAIT_ALL = 0x40000000

NOT_TRACED = 125
"""The exit code where the system refuses tracing."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long


class _SyscallInfo(ctypes.Structure):
    """``struct ptrace_syscall_info``, as far as the number of the call that is entered."""

    _fields_ = (
        ("op", ctypes.c_uint8),
        ("padding", ctypes.c_uint8 * 3),
        ("architecture", ctypes.c_uint32),
        ("instruction", ctypes.c_uint64),
        ("stack", ctypes.c_uint64),
        ("number", ctypes.c_uint64),
    )


def _ptrace(request: int, thread: int, address: int, data: object) -> None:
    if _libc.ptrace(request, thread, address, data) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def count_syscalls(command: list[str]) -> tuple[int, Counter[int]]:
    """Run a command; return its exit code and how often each number was called.

    Raises:
        OSError: the system refuses tracing, or is older than Linux 5.3.
    """
    child = os.fork()
    if child == 0:
        _become(command)
    _, status = os.waitpid(child, _WAIT_ALL)
    if not os.WIFSTOPPED(status):
        raise OSError(errno.EPERM, "the system does not let a process be traced")
    try:
        _ptrace(_SETOPTIONS, child, 0, _OPTIONS)
        return _follow(child)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise


def _follow(child: int) -> tuple[int, Counter[int]]:
    """Let a stopped child run to its end, and count its calls and those of its threads."""
    _go_on(child, 0)
    counts: Counter[int] = Counter()
    inside: set[int] = set()
    info = _SyscallInfo()
    while True:
        thread, status = os.waitpid(-1, _WAIT_ALL)
        if not os.WIFSTOPPED(status):
            if thread == child:
                return os.waitstatus_to_exitcode(status), counts
            continue
        stopped_by = os.WSTOPSIG(status)
        passed_on = 0
        if stopped_by == _SYSCALL_STOP:
            if thread in inside:
                inside.remove(thread)
            else:
                inside.add(thread)
                _ptrace(_GET_SYSCALL_INFO, thread, ctypes.sizeof(info), ctypes.byref(info))
                counts[info.number] += 1
        elif status >> 16 == 0 and stopped_by not in (signal.SIGTRAP, signal.SIGSTOP):
            passed_on = stopped_by  # a signal for the command; the others come from tracing
        _go_on(thread, passed_on)


def _go_on(thread: int, passed_on: int) -> None:
    # It may have been killed meanwhile, or be at its end.
    with suppress(ProcessLookupError):
        _ptrace(_SYSCALL, thread, 0, passed_on)


def _become(command: list[str]) -> NoReturn:
    try:
        _ptrace(_TRACEME, 0, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        os.execvp(command[0], command)
    finally:
        os._exit(NOT_TRACED)


def main() -> int:
    """Trace the command that the command line names, and write what was counted."""
    path, *command = sys.argv[1:]
    found: object
    try:
        code, counts = count_syscalls(command)
        found = {str(number): count for number, count in counts.items()}
    except OSError as error:
        code, found = NOT_TRACED, error.strerror
    with open(path, "w", encoding="ascii") as file:
        json.dump(found, file)
    return code


if __name__ == "__main__":
    sys.exit(main())
