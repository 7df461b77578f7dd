"""The stored format is frozen: what each vector means can only change with the format's number."""

from __future__ import annotations

import pytest

from dedupstore.errors import FormatError, UnsupportedFormat
from golden.format.make_vectors import vectors
from golden.format.reading import read_vector
from golden.format.vectors import FOLDER, Vector, load_all, to_text

VECTORS = load_all()
ACCEPTED = [vector for vector in VECTORS if vector.outcome == "accepted"]
REFUSED = [vector for vector in VECTORS if vector.outcome != "accepted"]


def name_of(vector: Vector) -> str:
    """Name a vector in the report of a test run."""
    return vector.name


@pytest.mark.parametrize("vector", ACCEPTED, ids=name_of)
def test_sound_bytes_mean_what_they_always_meant(vector: Vector) -> None:
    """Sound bytes are read as the value that is written beside them."""
    assert read_vector(vector)[0] == vector.value


@pytest.mark.parametrize("vector", [vector for vector in ACCEPTED if vector.reencodes], ids=name_of)
def test_a_value_is_written_as_the_bytes_it_always_was(vector: Vector) -> None:
    """What sound bytes mean is written as the same bytes again."""
    assert read_vector(vector)[1] == b"".join(vector.parts())


@pytest.mark.parametrize("vector", REFUSED, ids=name_of)
def test_one_defect_is_refused_as_what_it_is(vector: Vector) -> None:
    """Bytes with one defect are refused: as damaged, or as newer than this program."""
    expected = {"damaged": FormatError, "newer": UnsupportedFormat}[vector.outcome]
    with pytest.raises((FormatError, UnsupportedFormat)) as caught:
        read_vector(vector)
    assert caught.type is expected


def test_vectors_are_those_the_layouts_give() -> None:
    """The committed files are those the generator makes of the documented layouts."""
    committed = {path.stem: path.read_text(encoding="ascii") for path in FOLDER.glob("*.json")}
    assert committed == {vector.name: to_text(vector) for vector in vectors()}
