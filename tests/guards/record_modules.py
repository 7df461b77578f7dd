"""Writes down which modules of the package each start loads, for the guards to compare with.

Start it from the folder `tests`: python -m guards.record_modules
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from guards.starts import RECORDS, STARTS, loaded_by_start


def main() -> None:
    """Record all starts."""
    RECORDS.mkdir(exist_ok=True)
    for name in STARTS:
        with tempfile.TemporaryDirectory() as folder:
            modules = sorted(loaded_by_start(name, Path(folder)).within("dedupstore"))
        (RECORDS / f"{name}.txt").write_text("\n".join(modules) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
