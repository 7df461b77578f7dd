"""The guards count what is there, so that they can fail."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from guards.growth import require_growth_at_most
from guards.python_calls import count_python_calls
from guards.syscalls import count_syscalls

LOOK_AROUND = """
import os, sys, threading

def look(times):
    for _ in range(times):
        os.access("/", os.F_OK)

thread = threading.Thread(target=look, args=[int(sys.argv[1])])
thread.start()
look(3)
thread.join()
"""


def look() -> int:
    """Do one call of C."""
    return len("")


def test_calls_of_all_threads_are_counted() -> None:
    """Calls of Python and of C are counted by name, in all threads that do them."""
    threads = [threading.Thread(target=lambda: [look() for _ in range(7)]) for _ in range(2)]

    def action() -> None:
        for thread in threads:
            thread.start()
        look()
        for thread in threads:
            thread.join()

    counts = count_python_calls(action)
    assert sum(count for name, count in counts.items() if name.startswith("look ")) == 15
    assert counts["builtins.len"] >= 15


def test_system_calls_of_all_threads_are_counted(tmp_path: Path) -> None:
    """Each system call of a command is counted once, in whichever of its threads it is made."""
    command = [sys.executable, "-S", "-E", "-c", LOOK_AROUND]
    few, more = (count_syscalls([*command, times], tmp_path) for times in ("10", "510"))
    added = more - few
    assert added.total() == pytest.approx(500, abs=20)
    assert added.most_common(1)[0][1] == 500


def test_growth_is_told_by_name() -> None:
    """Too much growth fails, naming what grew; what is the same in both counts is no growth."""
    once, twice = Counter(start=90, read=10, glance=5), Counter(start=90, read=30, glance=5)
    require_growth_at_most(2.0, once, twice, 10, "calls a file")
    with pytest.raises(pytest.fail.Exception, match=r"2\.00 calls a file(?s:.*)read") as caught:
        require_growth_at_most(1.9, once, twice, 10, "calls a file")
    assert "start" not in str(caught.value)
