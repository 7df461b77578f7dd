"""A vector: stored bytes, what a reader must make of them, and the rules that say so."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

FOLDER = Path(__file__).with_name("vectors")

Outcome = Literal["accepted", "damaged", "newer"]
Part = bytes | tuple[bytes, int]

_HEX_DIGITS_A_LINE = 64


@dataclass(frozen=True)
class Vector:
    """One case.

    ``data`` are the stored bytes, or for a tree its pieces; a part given with a number is repeated.
    ``arguments`` are what a reader knows besides. ``value`` is what accepted bytes mean;
    ``reencodes`` says that writing that value gives the same bytes again.
    """

    name: str
    decoder: str
    rules: tuple[str, ...]
    outcome: Outcome
    data: tuple[Part, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    value: Any = None
    reencodes: bool = False

    def parts(self) -> list[bytes]:
        """Return the parts of the data, repeated as they say."""
        return [part if isinstance(part, bytes) else part[0] * part[1] for part in self.data]


def accepted(
    name: str, decoder: str, rules: str, data: bytes | str, value: Any, **arguments: Any
) -> Vector:
    """Return a vector that a reader accepts and whose value is written as the same bytes."""
    return Vector(
        name, decoder, tuple(rules.split()), "accepted", (_bytes(data),), arguments, value, True
    )


def refused(
    outcome: Outcome, name: str, decoder: str, rules: str, data: bytes | str, **arguments: Any
) -> Vector:
    """Return a vector that a reader refuses."""
    return Vector(name, decoder, tuple(rules.split()), outcome, (_bytes(data),), arguments)


def _bytes(data: bytes | str) -> bytes:
    return data.encode("utf-8") if isinstance(data, str) else data


def to_text(vector: Vector) -> str:
    """Return the file of a vector."""
    document: dict[str, Any] = {
        "decoder": vector.decoder,
        "rules": list(vector.rules),
        "outcome": vector.outcome,
        "arguments": dict(vector.arguments),
        "data": [_part_to_json(part) for part in vector.data],
    }
    if vector.outcome == "accepted":
        document |= {"value": vector.value, "reencodes": vector.reencodes}
    return json.dumps(document, indent=1) + "\n"


def _part_to_json(part: Part) -> object:
    if isinstance(part, tuple):
        return {"hex": part[0].hex(), "times": part[1]}
    text = part.decode("ascii", errors="replace")
    if text.isascii() and text.replace("\n", "").isprintable():
        return {"lines": text.split("\n")}
    digits = part.hex()
    lines = range(0, len(digits), _HEX_DIGITS_A_LINE)
    return {"hex": [digits[begin : begin + _HEX_DIGITS_A_LINE] for begin in lines]}


def _part_from_json(part: Mapping[str, Any]) -> Part:
    if "lines" in part:
        return "\n".join(part["lines"]).encode("ascii")
    if "times" in part:
        return bytes.fromhex(part["hex"]), part["times"]
    return bytes.fromhex("".join(part["hex"]))


def load(path: Path) -> Vector:
    """Read the file of a vector."""
    document = json.loads(path.read_text(encoding="ascii"))
    return Vector(
        name=path.stem,
        decoder=document["decoder"],
        rules=tuple(document["rules"]),
        outcome=document["outcome"],
        data=tuple(_part_from_json(part) for part in document["data"]),
        arguments=document["arguments"],
        value=document.get("value"),
        reencodes=document.get("reencodes", False),
    )


def load_all() -> Sequence[Vector]:
    """Read all vectors, in the order of their names."""
    return [load(path) for path in sorted(FOLDER.glob("*.json"))]
