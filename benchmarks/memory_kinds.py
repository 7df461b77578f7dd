"""Runs one command and tells what it cost, private memory and mapped files apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from measuring import Command, measure


@dataclass(frozen=True)
class Cost:
    """Seconds and peak bytes of one command; see `memory_watch`."""

    wall_seconds: float
    cpu_seconds: float
    private_bytes: int
    mapped_bytes: int


def measure_memory(command: Command, environment: Mapping[str, str]) -> Cost:
    """Run `command` to its end, its output going nowhere, and return its cost.

    Raises CommandFailed with the last line of its standard error if it does not exit with 0.
    """
    cost = measure(command, environment, watch=True)
    return Cost(
        cost.wall_seconds,
        cost.cpu_seconds,
        cost.peak_private_bytes or 0,
        cost.peak_mapped_bytes or 0,
    )
