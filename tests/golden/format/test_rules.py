"""The pages of docs/format and the vectors cover each other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from golden.format.vectors import Vector, load_all

PAGES = Path(__file__).resolve().parents[3] / "docs" / "format"

RULE = re.compile(r"^\| ([A-Z]-\d\d) \| .+? \| (damaged|newer|accepted|–) \|", re.MULTILINE)
HEX_LINE = re.compile(r"^    [0-9a-f]{4}  ((?:[0-9a-f]{2} ?)+)(?:  .*)?$", re.MULTILINE)

NOT_IN_BYTES = {
    "B-12": "needs the engine: tests/unit/test_format_rules_of_readers.py",
    "C-02": "needs an open repository: tests/unit/test_format_rules_of_readers.py",
    "C-03": "needs an open repository: tests/unit/test_format_rules_of_readers.py",
    "G-01": "is about names of files: tests/unit/test_generation.py",
    "M-30": "needs the engine: tests/unit/test_twin_reader.py",
    "R-01": "is about names of files: tests/unit/test_format_rules_of_readers.py",
    "R-03": "is about names of files: tests/unit/test_format_rules_of_readers.py",
    "T-02": "is about names of files: tests/unit/test_policies.py",
}
"""Rule that binds readers → why there is no vector, and where it is tested."""

VECTORS = load_all()


def rules() -> dict[str, str]:
    """Return what the pages say a reader does, by rule."""
    found: dict[str, str] = {}
    for page in sorted(PAGES.glob("*.md")):
        for rule, otherwise in RULE.findall(page.read_text(encoding="utf-8")):
            if rule in found:
                raise ValueError(f"two rules are named {rule}")
            found[rule] = otherwise
    return found


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_a_vector_points_at_rules(vector: Vector) -> None:
    """Each vector names rules that exist, and a refused one is refused as its rule says."""
    for rule in vector.rules:
        expected = rules()[rule]
        assert vector.outcome in ("accepted", expected)


def test_each_rule_that_binds_readers_has_a_vector() -> None:
    """Each rule has a vector that shows what a reader does, or a reason why it has none."""
    shown = {rule for vector in VECTORS for rule in vector.rules if vector.outcome != "accepted"}
    shown |= {rule for vector in VECTORS for rule in vector.rules if rules()[rule] == "accepted"}
    bound = {rule for rule, otherwise in rules().items() if otherwise != "–"}
    assert bound - shown == NOT_IN_BYTES.keys()


def test_the_example_is_a_vector() -> None:
    """The worked example of the page on packs is, byte for byte, the vector that it names."""
    page = (PAGES / "packs.md").read_text(encoding="utf-8")
    example = bytes.fromhex("".join(HEX_LINE.findall(page)))
    vector = next(vector for vector in VECTORS if vector.name == "pack-one-chunk")
    assert example == b"".join(vector.parts())
