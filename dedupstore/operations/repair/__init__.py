"""Repairing a repository.

`plan` looks at everything and decides what to do, `execute` does it in an order that is safe at
every step, `run` puts these together and says what stays lost.
"""

from dedupstore.operations.repair.plan import ActionKind, RepairAction, RepairPlan
from dedupstore.operations.repair.run import RepairReport, repair

__all__ = ["ActionKind", "RepairAction", "RepairPlan", "RepairReport", "repair"]
