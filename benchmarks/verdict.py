"""What was measured against a bar, as all benchmarks judge, print and store it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from documents import Document
from sizes import megabytes


class Unit(StrEnum):
    """What a measured value counts."""

    TIMES = "times"
    SECONDS = "seconds"
    BYTES = "bytes"
    GIGABYTES_PER_SECOND = "GB/s"

    def show(self, value: float) -> str:
        """Return a value with its unit."""
        match self:
            case Unit.TIMES:
                return f"{value:.2f}"
            case Unit.SECONDS:
                return f"{value:.3f} s" if value < 1 else f"{value:.2f} s"
            case Unit.BYTES:
                return megabytes(value)
            case Unit.GIGABYTES_PER_SECOND:
                return f"{value:.2f} GB/s"


@dataclass(frozen=True)
class Verdict:
    """A value (None: not measured), the bar it is held to, and the aim beyond.

    `bar` is None where there is an aim only. `at_least` says on which side of both the value has
    to be.
    """

    title: str
    value: float | None
    unit: Unit
    bar: float | None
    at_least: bool
    aim: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the bar holds; None if it was not measured or there is only an aim."""
        return self._reaches(self.bar)

    @property
    def aim_met(self) -> bool | None:
        """Whether the aim is reached; None if it was not measured or there is none."""
        return self._reaches(self.aim)

    def as_document(self) -> Document:
        """Return the verdict for a JSON document."""
        return {**asdict(self), "met": self.met, "aim_met": self.aim_met}

    @classmethod
    def from_document(cls, document: Document) -> Verdict:
        """Return the verdict of a JSON document; raise KeyError or ValueError if it is none."""
        fields = {name: document[name] for name in ("title", "value", "bar", "at_least", "aim")}
        return cls(unit=Unit(document["unit"]), **fields)

    def state(self) -> str:
        """Return `pass`, `MISS`, or `?` if nothing can be said; for an aim `reached` or not."""
        if self.value is None:
            return "?"
        if self.bar is None:
            return "reached" if self.aim_met else "not yet"
        return "pass" if self.met else "MISS"

    def shown_value(self) -> str:
        """Return the value with its unit."""
        return "not measured" if self.value is None else self.unit.show(self.value)

    def shown_bar(self) -> str:
        """Return the bar and the aim with their unit."""
        side = "at least" if self.at_least else "at most"
        parts = [] if self.bar is None else [f"{side} {self.unit.show(self.bar)}"]
        if self.aim is not None:
            parts.append(f"aim {self.unit.show(self.aim)}")
        return "; ".join(parts)

    def _reaches(self, limit: float | None) -> bool | None:
        if self.value is None or limit is None:
            return None
        return self.value >= limit if self.at_least else self.value <= limit


def all_met(verdicts: Sequence[Verdict]) -> bool:
    """Tell whether everything was measured and every bar holds; aims do not matter."""
    return all(verdict.met for verdict in verdicts if verdict.bar is not None)


def verdict_rows(verdicts: Sequence[Verdict]) -> list[list[str]]:
    """Return a table of verdicts, with its heading."""
    return [
        ["", "measured", "bar", ""],
        *([v.title, v.shown_value(), v.shown_bar(), v.state()] for v in verdicts),
    ]


def verdicts_of(document: Document) -> list[Verdict]:
    """Return the verdicts of a document."""
    return [Verdict.from_document(bar) for bar in document["bars"]]
