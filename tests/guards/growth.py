"""From two counts, one with twice as much to do, to what each item costs."""

from __future__ import annotations

from collections import Counter

import pytest

_NAMED_MAX = 25


def require_growth_at_most(
    bound: float, once: Counter[str], twice: Counter[str], items: int, of_what: str
) -> None:
    """Fail if more than ``bound`` calls are made for each of the ``items`` that were added.

    What does not grow, such as start-up, is not counted. The message names the calls that do grow.
    """
    added = {name: (twice[name] - once[name]) / items for name in twice | once}
    each = sum(added.values())
    if each <= bound:
        return
    most = sorted(added.items(), key=lambda pair: -pair[1])[:_NAMED_MAX]
    listed = "\n".join(f"  {growth:6.2f}  {name}" for name, growth in most if growth > 0.005)
    pytest.fail(
        f"{each:.2f} {of_what}, at most {bound:g} may be made. If they buy something, raise the "
        f"bound in tests/guards/bounds.py and say what.\n\n{listed}",
        pytrace=False,
    )
