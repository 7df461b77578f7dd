"""Cut points are frozen: a change of any of them is a change of the stored format."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from dedupstore.chunking import Chunker, ChunkingParameters
from dedupstore.chunking.gear_table import derive_gear_table
from golden.chunking.inputs import GENERATORS, KERNEL_DETAILS, kernel_or_skip

VECTORS: dict[str, list[dict[str, Any]]] = json.loads(
    Path(__file__).with_name("cuts.json").read_text(encoding="ascii")
)


def name_of(vector: dict[str, Any]) -> str:
    """Name a vector in the report of a test run."""
    if "generator" not in vector:
        return f"seed {vector['seed_hex'] or 'empty'}"
    kind = "final" if vector["final"] else "open"
    return f"{vector['label']} target {vector['target_bytes']} seed {vector['seed_hex']} {kind}"


@pytest.mark.parametrize("vector", VECTORS["gear_tables"], ids=name_of)
def test_gear_table_is_frozen(vector: dict[str, Any]) -> None:
    """Each seed gives the gear table that it has always given."""
    table = derive_gear_table(bytes.fromhex(vector["seed_hex"]))
    assert table[:8] == bytes.fromhex(vector["entry_0"])[::-1]
    assert table[-8:] == bytes.fromhex(vector["entry_255"])[::-1]
    assert hashlib.sha256(table).hexdigest() == vector["sha256"]


@pytest.mark.parametrize("detail", KERNEL_DETAILS)
@pytest.mark.parametrize("vector", VECTORS["cuts"], ids=name_of)
def test_cuts_are_frozen(vector: dict[str, Any], detail: str) -> None:
    """Each kernel cuts each input where it has always been cut."""
    data = GENERATORS[vector["generator"]](vector["label"], vector["data_bytes"])
    assert hashlib.sha256(data).hexdigest() == vector["data_sha256"], "the input itself changed"
    parameters = ChunkingParameters.for_target(
        vector["target_bytes"], bytes.fromhex(vector["seed_hex"])
    )
    chunker = Chunker(parameters, kernel_or_skip(detail))
    assert chunker.find_cuts(data, 0, len(data), vector["final"]) == vector["cuts"]
