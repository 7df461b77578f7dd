"""Running one command line: finds the command, runs it, and turns errors into exit codes."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any, TextIO

import click

from dedupstore.cli import exit_codes
from dedupstore.cli.command_group import build_cli
from dedupstore.cli.session import Session
from dedupstore.cli.text import printable, to_json
from dedupstore.errors import DedupstoreError, SnapshotUnknown

_PROGRAM = "dedupstore"
_COMPLETION_VARIABLE = "_DEDUPSTORE_COMPLETE"
_NO_THREAD = "can't start new thread"
"""How the interpreter says so, with an exception that means anything."""


def run(arguments: list[str]) -> int:
    """Run the command line with ``arguments`` and return the exit code."""
    session = Session()
    try:
        code = _run_command(session, arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.ClickException as error:
        # What click says on several lines, such as a list of choices, is joined to one.
        message = " ".join(error.format_message().split())
        hint = _usage_hint(error)
        return _fail(session, arguments, exit_codes.USAGE, "usage", message, hint)
    except DedupstoreError as error:
        code = exit_codes.exit_code_of(error)
        return _fail(session, arguments, code, error.kind, error.message, error.hint, error)
    except (KeyboardInterrupt, click.Abort):
        return _fail(session, arguments, exit_codes.INTERRUPTED, "interrupted", "interrupted")
    except BrokenPipeError:
        # Whoever read our output has had enough.
        _give_up(sys.stdout)
        return exit_codes.FAILED
    except OSError as error:
        return _fail_unexpected(session, arguments, error)
    except Exception as error:
        if os.environ.get("DEDUPSTORE_TRACEBACK"):
            raise
        return _fail_unexpected(session, arguments, error)
    finally:
        _settle(sys.stderr)
    return code


def _run_command(session: Session, arguments: list[str]) -> int:
    """Run the command; unlike click's own main, leave all that is raised to the caller."""
    command_line = build_cli()
    asked = os.environ.get(_COMPLETION_VARIABLE)
    if asked:
        from click.shell_completion import shell_complete

        return shell_complete(command_line, {}, _PROGRAM, _COMPLETION_VARIABLE, asked)
    if not arguments:
        click.echo(command_line.get_help(click.Context(command_line, info_name=_PROGRAM)), err=True)
        return exit_codes.USAGE
    try:
        with command_line.make_context(_PROGRAM, list(arguments), obj=session) as context:
            code = command_line.invoke(context)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    return code if isinstance(code, int) else exit_codes.DONE


def _usage_hint(error: click.ClickException) -> str | None:
    """Return where to read about the command that was used wrongly, if it got that far."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"see: {context.command_path} --help" if context else None


def _fail_unexpected(session: Session, arguments: list[str], error: Exception) -> int:
    message, kind, hint = _refused_by_system(error), "system", None
    if message is None:
        message, kind = f"{type(error).__name__}: {error}", "internal"
        hint = "this is a bug; please report it"
    return _fail(session, arguments, exit_codes.FAILED, kind, message, hint)


def _refused_by_system(error: Exception) -> str | None:
    """Return what the system has refused; ``None`` where the fault is ours."""
    if isinstance(error, OSError):
        return str(error)
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    if isinstance(error, RuntimeError) and str(error) == _NO_THREAD:
        return "there may be no more threads"
    return None


def _fail(
    session: Session,
    arguments: list[str],
    code: int,
    kind: str,
    message: str,
    hint: str | None = None,
    error: DedupstoreError | None = None,
) -> int:
    lines = [f"error: {printable(message)}"]
    if hint:
        lines.append(f"hint: {printable(hint)}")
    _say(lines, sys.stderr)
    if session.json or _asks_for_json(arguments):
        fields: dict[str, Any] = {"code": code, "kind": kind, "message": message, "hint": hint}
        if isinstance(error, SnapshotUnknown):
            fields["candidates"] = list(error.candidates)
        _say([to_json({"error": fields})], sys.stdout)
    _settle(sys.stdout)
    return code


def _asks_for_json(arguments: list[str]) -> bool:
    """Tell whether ``--json`` was meant for us, when parsing the arguments failed before it."""
    ours = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in ours


def _say(lines: list[str], stream: TextIO | None) -> None:
    """Write lines to a stream that may be closed or full: then there is nobody to tell."""
    with suppress(OSError, ValueError):
        for line in lines:
            click.echo(line, file=stream)


def _settle(stream: TextIO | None) -> None:
    """Flush a stream, or give up on it, so that the interpreter does not try again at its end."""
    try:
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):
        _give_up(stream)


def _give_up(stream: TextIO | None) -> None:
    """Send what a stream still holds to nowhere."""
    if stream is not None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
