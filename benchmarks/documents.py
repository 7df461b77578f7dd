"""JSON documents with results, and the head that all of them have."""

from __future__ import annotations

import datetime
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from machine import describe_machine, describe_project

Document = dict[str, Any]


@dataclass(frozen=True)
class Head:
    """When, on what machine, and of which commit something was measured. It names no host."""

    started: str
    machine: dict[str, object]
    project: dict[str, object]
    python: str

    @classmethod
    def now(cls) -> Head:
        """Return the head of what begins at this moment."""
        return cls(
            started=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            machine=describe_machine(),
            project=describe_project(),
            python=platform.python_version(),
        )

    def as_document(self) -> Document:
        """Return the head as the beginning of a JSON document."""
        return asdict(self)


def heading_rows(document: Document) -> list[tuple[str, str]]:
    """Return what the head of a document says, as names and texts."""
    machine, project = document["machine"], document["project"]
    memory = f"{machine['memory_bytes'] / 2**30:.0f} GiB of memory"
    described = (machine["processor"], f"{machine['cores']} cores", memory, machine["system"])
    return [
        ("date", document["started"]),
        ("machine", ", ".join(described)),
        ("running since", f"{machine['booted']}, load {machine['load_average']:.2f} at the start"),
        (
            "commit",
            f"{project['commit'] or 'none'}{' with changes' if project['modified'] else ''}",
        ),
    ]


def write_document(path: Path, document: Mapping[str, object]) -> None:
    """Write a document as JSON."""
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def read_document(path: Path) -> Document:
    """Read a document; raise OSError, or ValueError if it is not JSON or has no head."""
    document = json.loads(path.read_bytes())
    if not isinstance(document, dict) or not {"started", "machine", "project"} <= document.keys():
        raise ValueError(f"{path}: not a document with results")
    return document
