"""One class per engine."""
