"""borg."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engines.engine import Archiver, Operation, Scratch, first_line_of
from measuring import Command


class Borg(Archiver):
    """borg 1.x."""

    name = "borg"
    settings = "zstd,3, encryption none"

    def __init__(self, program: str = "borg") -> None:
        self.program = program

    def version(self) -> str:
        return first_line_of([self.program, "--version"]).split()[1]

    def environment(self, scratch: Scratch) -> Mapping[str, str]:
        return {
            **super().environment(scratch),
            "BORG_REPO": str(scratch.repository),
            "BORG_BASE_DIR": str(scratch.home),
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
        }

    def initialize(self, scratch: Scratch) -> Sequence[Command]:
        return [Command([self.program, "init", "--encryption", "none"])]

    def commands(
        self, operation: Operation, scratch: Scratch, sources: Sequence[str]
    ) -> Sequence[Command]:
        match operation:
            case Operation.FIRST | Operation.UNCHANGED:
                return self.snapshot(scratch, sources, operation)
            case Operation.KNOWN:
                return [self._create(operation, sources, "--files-cache=disabled")]
            case Operation.RESTORE:
                return self.restore_last(scratch, Operation.FIRST)

    def snapshot(self, scratch: Scratch, sources: Sequence[str], name: str) -> Sequence[Command]:
        return [self._create(name, sources)]

    def upkeep(self, scratch: Scratch) -> Sequence[Command]:
        return [
            Command([self.program, "prune", "--keep-within", "10y"]),
            Command([self.program, "compact"]),
        ]

    def restore_last(self, scratch: Scratch, name: str) -> Sequence[Command]:
        return [Command([self.program, "extract", f"::{name}"], folder=scratch.target)]

    def _create(self, name: str, sources: Sequence[str], *options: str) -> Command:
        create = [self.program, "create", "--compression", "zstd,3", *options]
        return Command([*create, f"::{name}", *sources])
