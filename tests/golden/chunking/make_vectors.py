"""Writes cuts.json from the reference. Only a new format version may change what it writes.

Start it from the folder `tests`: python -m golden.chunking.make_vectors
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from dedupstore.chunking import ChunkingParameters
from golden.chunking import inputs, reference

VECTORS = Path(__file__).with_name("cuts.json")

KIB = 1024
PUBLISHED = b"published"

# generator, bytes, target, seed, final
CASES = (
    ("zeros", 0, 4 * KIB, PUBLISHED, True),
    ("zeros", 0, 4 * KIB, PUBLISHED, False),
    ("random_bytes", 1, 4 * KIB, PUBLISHED, True),
    ("random_bytes", 1 * KIB, 4 * KIB, PUBLISHED, True),
    ("random_bytes", 1 * KIB + 1, 4 * KIB, PUBLISHED, True),
    ("random_bytes", 16 * KIB - 1, 4 * KIB, PUBLISHED, False),
    ("random_bytes", 16 * KIB, 4 * KIB, PUBLISHED, False),
    ("random_bytes", 200_000, 4 * KIB, PUBLISHED, True),
    ("random_bytes", 200_000, 4 * KIB, b"", True),
    ("random_bytes", 200_000, 4 * KIB, b"another seed", True),
    ("log_lines", 200_000, 4 * KIB, PUBLISHED, True),
    ("log_lines", 200_000, 4 * KIB, PUBLISHED, False),
    ("text_without_newlines", 200_000, 4 * KIB, PUBLISHED, True),
    ("zeros", 100_000, 4 * KIB, PUBLISHED, True),
    ("log_lines", 300_000, 8 * KIB, PUBLISHED, True),
    ("long_lines", 1_000_000, 16 * KIB, PUBLISHED, True),
    ("log_lines", 1_500_000, 32 * KIB, PUBLISHED, True),
    ("random_bytes", 2_000_000, 64 * KIB, PUBLISHED, True),
    ("log_lines", 3_000_000, 64 * KIB, PUBLISHED, True),
    ("text_without_newlines", 1_500_000, 64 * KIB, PUBLISHED, True),
    ("zeros", 1_000_000, 64 * KIB, PUBLISHED, False),
    ("long_lines", 3_000_000, 256 * KIB, PUBLISHED, True),
    ("random_bytes", 5_000_000, 4096 * KIB, PUBLISHED, True),
)

# At a target of 16 KiB the minimum is 4096, the late mask holds from 24576 on, the limit of a raw
# cut is 61440, the bound of lines 4096.
PLANTED = (
    ("hard 4095", 80_000),
    ("hard 4096", 80_000),
    ("easy 16383", 80_000),
    ("hard 16383", 80_000),
    ("easy 16384", 80_000),
    ("late 24575", 80_000),
    ("easy 24575", 80_000),
    ("late 24576", 80_000),
    ("late 61439", 80_000),
    ("late 61441", 80_000),
    ("easy 19000 newline 18935", 80_000),
    ("easy 19000 newline 19000", 80_000),
    ("easy 19000 newline 23095", 80_000),
    ("easy 19000 newline 23096", 80_000),
    ("newline 61439", 80_000),
    ("newline 65535", 80_000),
    ("newline 65536", 80_000),
    ("easy 19000 newline 19500", 19_500),
    ("easy 19000 newline 19500", 19_501),
    ("easy 19000", 19_000),
)


def main() -> None:
    """Write the vectors beside this file."""
    seeds = sorted({case[3] for case in CASES})
    document = {
        "gear_tables": [_table_vector(seed) for seed in seeds],
        "cuts": [
            *(_cuts_vector(case[0], f"{case[0]} {case[1]}", *case[1:]) for case in CASES),
            *(_cuts_vector("planted", *case, 16 * KIB, PUBLISHED, True) for case in PLANTED),
        ],
    }
    VECTORS.write_text(_one_vector_a_line(document), encoding="ascii")


def _table_vector(seed: bytes) -> dict[str, object]:
    table = reference.gear_table(seed)
    packed = b"".join(entry.to_bytes(8, "little") for entry in table)
    return {
        "seed_hex": seed.hex(),
        "entry_0": f"{table[0]:016x}",
        "entry_255": f"{table[255]:016x}",
        "sha256": hashlib.sha256(packed).hexdigest(),
    }


def _cuts_vector(
    generator: str, label: str, data_bytes: int, target_bytes: int, seed: bytes, final: bool
) -> dict[str, object]:
    data = inputs.GENERATORS[generator](label, data_bytes)
    parameters = ChunkingParameters.for_target(target_bytes, seed)
    return {
        "generator": generator,
        "label": label,
        "data_bytes": data_bytes,
        "data_sha256": hashlib.sha256(data).hexdigest(),
        "target_bytes": target_bytes,
        "seed_hex": seed.hex(),
        "final": final,
        "cuts": reference.cuts(data, parameters, final=final),
    }


def _one_vector_a_line(document: dict[str, list[dict[str, object]]]) -> str:
    groups = (
        f'"{name}": [\n' + ",\n".join(json.dumps(vector) for vector in vectors) + "\n]"
        for name, vectors in document.items()
    )
    return "{\n" + ",\n".join(groups) + "\n}\n"


if __name__ == "__main__":
    main()
