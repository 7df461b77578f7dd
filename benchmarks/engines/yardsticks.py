"""Tools that do not deduplicate, to show what the same bytes cost at least."""

from __future__ import annotations

from collections.abc import Sequence

from engines.engine import Engine, EngineMissing, Operation, Role, Scratch, first_line_of
from measuring import Command


class TarZstd(Engine):
    """tar through zstd -3, into one file."""

    name = "tar-zstd"
    role = Role.YARDSTICK
    settings = "tar | zstd -3"

    def version(self) -> str:
        tar, zstd = first_line_of(["tar", "--version"]), first_line_of(["zstd", "-q", "-V"])
        if "GNU tar" not in tar:
            raise EngineMissing("needs GNU tar")
        return f"tar {tar.split()[-1]}, zstd {zstd.split()[-1]}"

    def initialize(self, scratch: Scratch) -> Sequence[Command]:
        return [Command(["mkdir", str(scratch.repository)])]

    def commands(
        self, operation: Operation, scratch: Scratch, sources: Sequence[str]
    ) -> Sequence[Command]:
        archive = str(scratch.repository / "logs.tar.zst")
        match operation:
            case Operation.FIRST:
                # Names are given from the root, so that tar does not warn that it strips the slash.
                names = [source.lstrip("/") for source in sources]
                return [Command(["tar", "-I", "zstd -3", "-cf", archive, "-C", "/", *names])]
            case Operation.RESTORE:
                return [Command(["tar", "-I", "zstd", "-xf", archive, "-C", str(scratch.target)])]
            case Operation.KNOWN | Operation.UNCHANGED:
                return []


class Copy(Engine):
    """A plain copy."""

    name = "cp"
    role = Role.YARDSTICK
    settings = "cp -r"

    def version(self) -> str:
        return first_line_of(["cp", "--version"]).split()[-1]

    def initialize(self, scratch: Scratch) -> Sequence[Command]:
        return [Command(["mkdir", str(scratch.repository)])]

    def commands(
        self, operation: Operation, scratch: Scratch, sources: Sequence[str]
    ) -> Sequence[Command]:
        copy = ["cp", "-r", "--parents"]
        match operation:
            case Operation.FIRST:
                return [Command([*copy, *sources, str(scratch.repository)])]
            case Operation.RESTORE:
                return [Command([*copy, ".", str(scratch.target)], folder=scratch.repository)]
            case Operation.KNOWN | Operation.UNCHANGED:
                return []
