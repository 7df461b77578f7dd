"""borg."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engines.engine import Engine, Operation, Scratch, first_line_of
from measuring import Command


class Borg(Engine):
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
        create = [self.program, "create", "--compression", "zstd,3"]
        archive = f"::{operation}"
        match operation:
            case Operation.FIRST | Operation.UNCHANGED:
                return [Command([*create, archive, *sources])]
            case Operation.KNOWN:
                return [Command([*create, "--files-cache=disabled", archive, *sources])]
            case Operation.RESTORE:
                extract = [self.program, "extract", f"::{Operation.FIRST}"]
                return [Command(extract, folder=scratch.target)]
