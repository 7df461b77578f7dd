"""Rotating a log as logrotate does: by logrotate itself, and by the same steps done here."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_SECONDS = 30
DATE_FORMAT = "-%Y%m%d"


@dataclass(frozen=True)
class Rules:
    """What a configuration of logrotate says of one log; ``keep`` is how many old parts stay.

    ``compress`` goes with ``delaycompress``: what has been rotated before is compressed, what is
    rotated now is not. ``compress_program`` takes the place of gzip.
    """

    keep: int = 5
    dateext: bool = False
    copytruncate: bool = False
    create: bool = True
    compress: bool = False
    compress_program: Path | None = None


Rotator = Callable[[Path, Rules], None]


def rotate_by_logrotate(log: Path, rules: Rules) -> None:
    """Run logrotate with these rules for one log."""
    subprocess.run(
        logrotate_command(log, rules), check=True, capture_output=True, timeout=TIMEOUT_SECONDS
    )


def logrotate_command(log: Path, rules: Rules) -> list[str]:
    """Return the command that rotates one log, with its configuration and state beside the logs."""
    directives = [f"rotate {rules.keep}", "create" if rules.create else "nocreate"]
    directives += ["dateext", f"dateformat {DATE_FORMAT}"] if rules.dateext else ["nodateext"]
    directives += ["copytruncate"] if rules.copytruncate else []
    directives += ["compress", "delaycompress"] if rules.compress else []
    if rules.compress_program is not None:
        directives.append(f"compresscmd {rules.compress_program}")
    base = log.parent.parent
    configuration = base / "logrotate.conf"
    configuration.write_text(
        f'"{log}" {{\n' + "".join(f"  {line}\n" for line in directives) + "}\n"
    )
    # It refuses a configuration that others may write.
    configuration.chmod(0o600)
    program = find_logrotate()
    if program is None:
        raise FileNotFoundError("logrotate is not installed")
    return [program, "--force", "--state", str(base / "logrotate.state"), str(configuration)]


def find_logrotate() -> str | None:
    """Return where logrotate is installed, which PATH often leaves out; None where it is not."""
    return shutil.which("logrotate", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def rotate_by_hand(log: Path, rules: Rules) -> None:
    """Do what logrotate does with these rules, step by step."""
    if rules.dateext:
        rotated = log.with_name(f"{log.name}-20260301")
    else:
        if rules.compress:
            _compress_first(log)
        _shift(log, rules.keep)
        rotated = _numbered(log, 1)
    if rules.copytruncate:
        shutil.copy2(log, rotated)
        os.truncate(log, 0)
        return
    mode = log.stat().st_mode & 0o777
    os.rename(log, rotated)
    if rules.create:
        os.close(os.open(log, os.O_CREAT | os.O_EXCL, mode))


def _compress_first(log: Path) -> None:
    first = _numbered(log, 1)
    if first.exists():
        packed = first.with_name(f"{first.name}.gz")
        packed.write_bytes(gzip.compress(first.read_bytes(), 6, mtime=0))
        shutil.copystat(first, packed)
        first.unlink()


def _shift(log: Path, keep: int) -> None:
    for ending in ("", ".gz"):
        _numbered(log, keep, ending).unlink(missing_ok=True)
        for number in range(keep - 1, 0, -1):
            part = _numbered(log, number, ending)
            if part.exists():
                os.rename(part, _numbered(log, number + 1, ending))


def _numbered(log: Path, number: int, ending: str = "") -> Path:
    return log.with_name(f"{log.name}.{number}{ending}")
