"""The version that a recipe begins with (docs/format/twins.md)."""

from __future__ import annotations

from dedupstore.errors import FormatError, UnsupportedFormat

RECIPE_VERSION = 1


def check_version(recipe: bytes) -> None:
    """Check the version of a recipe.

    Raises:
        FormatError: the recipe is empty.
        UnsupportedFormat: it is of another version.
    """
    if not recipe:
        raise FormatError("a recipe is empty")
    if recipe[0] != RECIPE_VERSION:
        raise UnsupportedFormat(
            f"a recipe has version {recipe[0]}, which this version does not know",
            hint="use a newer version of dedupstore",
        )
