"""Fuzzes the decoders of stored bytes, each in a process of its own; see tools/fuzz."""

from __future__ import annotations

import argparse
import importlib
import re
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

INPUT_BYTES_MAX = 16 * 1024
MEMORY_BYTES_MAX = 512 * 1024 * 1024
"""What reading one input, and all the fuzzer remembers, may take besides what was there before."""

INPUT_SECONDS_MAX = 10
FINDINGS = Path("fuzz-findings")
LINES_SHOWN = 30

_EXECUTIONS = re.compile(r"^(?:stat::number_of_executed_units: |#)(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """How fuzzing one decoder ended; ``log`` is what the fuzzer wrote."""

    executions: int
    failed: bool
    log: str


def main() -> int:
    """Fuzz the decoders that were asked for, and return the exit code."""
    arguments = parse_arguments()
    if arguments.target:
        fuzz_here(arguments.target, arguments.fuzzer_arguments)
    names = decoder_names()
    unknown = [name for name in arguments.decoders if name not in names]
    if unknown:
        print(f"error: no decoder {unknown[0]!r}\nhint: see tools/fuzz --list", file=sys.stderr)
        return 2
    if arguments.list:
        print("\n".join(names))
        return 0
    if arguments.input:
        return take_one(arguments.input, arguments.decoders or names)
    failed = 0
    for name in arguments.decoders or names:
        outcome = fuzz(name, arguments.seconds)
        verdict = "FOUND SOMETHING" if outcome.failed else "ok"
        print(f"{name:<16} {outcome.executions:>12,} executions  {verdict}", flush=True)
        if outcome.failed:
            failed += 1
            print("\n".join(outcome.log.splitlines()[-LINES_SHOWN:]))
    if failed:
        print(f"{failed} decoders failed; see their inputs in {FINDINGS.absolute()}")
    return 1 if failed else 0


def parse_arguments() -> argparse.Namespace:
    """Return the arguments; ``target`` is for the process that this one starts."""
    parser = argparse.ArgumentParser(prog="tools/fuzz", description="Fuzz the decoders.")
    parser.add_argument("decoders", nargs="*", metavar="DECODER", help="default: all")
    parser.add_argument("--seconds", type=int, default=60, help="for each decoder (default: 60)")
    parser.add_argument("--list", action="store_true", help="name the decoders")
    parser.add_argument("--input", type=Path, help="only let the decoders take this file")
    parser.add_argument("--target", help=argparse.SUPPRESS)
    arguments, fuzzer_arguments = parser.parse_known_args()
    if fuzzer_arguments and not arguments.target:
        parser.error(f"unrecognized arguments: {' '.join(fuzzer_arguments)}")
    if arguments.seconds < 1:
        parser.error("--seconds is at least 1")
    arguments.fuzzer_arguments = fuzzer_arguments + (arguments.decoders if arguments.target else [])
    return arguments


def decoder_names() -> list[str]:
    """Return the names of all decoders."""
    return sorted(importlib.import_module("format_decoders").DECODERS)


def take_one(path: Path, names: list[str]) -> int:
    """Let decoders take one input, which shows the traceback of what they do otherwise."""
    decoders = importlib.import_module("format_decoders").DECODERS
    for name in names:
        decoders[name].try_to_read(path.read_bytes())
        print(f"{name:<16} ok")
    return 0


def fuzz(name: str, seconds: int) -> Outcome:
    """Fuzz one decoder in a process of its own, beginning with golden vectors."""
    FINDINGS.mkdir(exist_ok=True)
    before = set(FINDINGS.iterdir())
    with tempfile.TemporaryDirectory() as corpus:
        for sample in importlib.import_module("format_decoders").samples(name, INPUT_BYTES_MAX):
            (Path(corpus) / sha256(sample).hexdigest()).write_bytes(sample)
        command = [
            *(sys.executable, "-P", __file__, "--target", name, corpus),
            f"-max_total_time={seconds}",
            f"-max_len={INPUT_BYTES_MAX}",
            f"-timeout={INPUT_SECONDS_MAX}",
            f"-artifact_prefix={FINDINGS}/{name}-",
            "-rss_limit_mb=0",
            "-print_final_stats=1",
        ]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, errors="replace"
        )
    executions = [int(count) for count in _EXECUTIONS.findall(done.stdout)]
    failed = done.returncode != 0 or set(FINDINGS.iterdir()) != before
    if not any(FINDINGS.iterdir()):
        FINDINGS.rmdir()
    return Outcome(max(executions, default=0), failed, done.stdout)


def fuzz_here(name: str, fuzzer_arguments: list[str]) -> None:
    """Fuzz a decoder in this process until its time is over, and exit."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["dedupstore.format"]):
        decoder = importlib.import_module("format_decoders").DECODERS[name]
    there = 1024 * int(re.findall(r"VmSize:\s+(\d+)", Path("/proc/self/status").read_text())[0])
    limit = there + MEMORY_BYTES_MAX
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    atheris.Setup([sys.argv[0], *fuzzer_arguments], decoder.try_to_read)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
