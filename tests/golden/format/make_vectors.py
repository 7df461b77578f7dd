"""Writes the vectors from the layouts. Only a new format version may change what it writes.

Start it from the folder `tests`: python -m golden.format.make_vectors
"""

from __future__ import annotations

from golden.format import (
    generation_cases,
    json_cases,
    manifest_cases,
    pack_cases,
    parity_cases,
    policy_cases,
    twin_cases,
    verified_cases,
)
from golden.format.vectors import FOLDER, Vector, to_text


def vectors() -> list[Vector]:
    """Return all vectors, as the layouts give them."""
    return [
        *json_cases.cases(),
        *generation_cases.cases(),
        *manifest_cases.cases(),
        *pack_cases.cases(),
        *parity_cases.cases(),
        *policy_cases.cases(),
        *twin_cases.cases(),
        *verified_cases.cases(),
    ]


def main() -> None:
    """Write the vectors into the folder beside this file, and nothing else."""
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for vector in vectors():
        path = FOLDER / f"{vector.name}.json"
        if path.exists():
            raise ValueError(f"two vectors are named {vector.name}")
        path.write_text(to_text(vector), encoding="ascii")


if __name__ == "__main__":
    main()
