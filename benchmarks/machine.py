"""What a result was measured on: machine, Python, commit of this project."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def describe_machine() -> dict[str, object]:
    """Return processor, cores, memory, kernel, since when it runs, and its load. No host name."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "booted": _booted(),
        "load_average": os.getloadavg()[0],
    }


def describe_project() -> dict[str, object]:
    """Return the commit under test and whether the checkout differs; None outside of git."""
    commit = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return {"commit": commit or None, "modified": bool(changes) if commit else None}


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _booted() -> str | None:
    """Return when the machine was started, to the minute; None where that is not to be had.

    The kernel gives it against a clock that is adjusted, so the second is not always the same.
    """
    try:
        seconds = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    except (AttributeError, OSError):
        return None
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%MZ")


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(PROJECT), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
