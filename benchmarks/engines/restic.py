"""restic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engines.engine import Archiver, Operation, Scratch, first_line_of
from measuring import Command


class Restic(Archiver):
    """restic, repository version 2. It always encrypts."""

    name = "restic"
    settings = "repository version 2, compression auto, encrypted (always)"

    def __init__(self, program: str = "restic") -> None:
        self.program = program

    def version(self) -> str:
        return first_line_of([self.program, "version"]).split()[1]

    def environment(self, scratch: Scratch) -> Mapping[str, str]:
        return {
            **super().environment(scratch),
            "RESTIC_REPOSITORY": str(scratch.repository),
            "RESTIC_PASSWORD": "x",
            "RESTIC_CACHE_DIR": str(scratch.home / "restic"),
        }

    def initialize(self, scratch: Scratch) -> Sequence[Command]:
        return [Command([self.program, "init", "--quiet", "--repository-version", "2"])]

    def commands(
        self, operation: Operation, scratch: Scratch, sources: Sequence[str]
    ) -> Sequence[Command]:
        backup = [self.program, "backup", "--quiet", "--compression", "auto"]
        match operation:
            case Operation.FIRST | Operation.UNCHANGED:
                return [Command([*backup, *sources])]
            case Operation.KNOWN:
                return [Command([*backup, "--force", *sources])]
            case Operation.RESTORE:
                return self.restore_last(scratch, operation)

    def snapshot(self, scratch: Scratch, sources: Sequence[str], name: str) -> Sequence[Command]:
        return self.commands(Operation.UNCHANGED, scratch, sources)

    def upkeep(self, scratch: Scratch) -> Sequence[Command]:
        forget = [self.program, "forget", "--quiet", "--keep-within", "10y"]
        return [Command([*forget, "--prune", "--repack-small"])]

    def restore_last(self, scratch: Scratch, name: str) -> Sequence[Command]:
        restore = [self.program, "restore", "--quiet", "latest"]
        return [Command([*restore, "--target", str(scratch.target)])]
