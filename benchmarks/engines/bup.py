"""bup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engines.engine import Archiver, Operation, Scratch, first_line_of
from measuring import Command


class Bup(Archiver):
    """bup: its index of files is updated by a command of its own, which counts."""

    name = "bup"
    settings = "defaults (zlib 1)"

    def __init__(self, program: str = "bup") -> None:
        self.program = program

    def version(self) -> str:
        return first_line_of([self.program, "--version"])

    def environment(self, scratch: Scratch) -> Mapping[str, str]:
        return {**super().environment(scratch), "BUP_DIR": str(scratch.repository)}

    def initialize(self, scratch: Scratch) -> Sequence[Command]:
        return [Command([self.program, "init"])]

    def commands(
        self, operation: Operation, scratch: Scratch, sources: Sequence[str]
    ) -> Sequence[Command]:
        index = Command([self.program, "index", "--update", *sources])
        save = Command([self.program, "save", "--quiet", "--name", "logs", *sources])
        match operation:
            case Operation.FIRST | Operation.UNCHANGED:
                return [index, save]
            case Operation.KNOWN:
                forget = Command([self.program, "index", "--fake-invalid", *sources])
                return [index, forget, save]
            case Operation.RESTORE:
                return self.restore_last(scratch, operation)

    def snapshot(self, scratch: Scratch, sources: Sequence[str], name: str) -> Sequence[Command]:
        return self.commands(Operation.UNCHANGED, scratch, sources)

    def upkeep(self, scratch: Scratch) -> Sequence[Command]:
        # Its collection of garbage has to be asked for with --unsafe.
        return []

    def restore_last(self, scratch: Scratch, name: str) -> Sequence[Command]:
        restore = [self.program, "restore", "--quiet", "--outdir", str(scratch.target)]
        return [Command([*restore, "/logs/latest/."])]
