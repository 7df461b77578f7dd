"""The entry of the command line: finds the command, runs it, and turns errors into exit codes."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from types import FrameType
from typing import Any, NoReturn

import click

from dedupstore.cli import exit_codes
from dedupstore.cli.options import global_options
from dedupstore.cli.session import Session
from dedupstore.cli.text import printable, to_json
from dedupstore.errors import DedupstoreError, SnapshotUnknown

# Commands are imported when they are used: name, and the line that the overview shows.
_COMMANDS = {
    "init": "Make an empty repository.",
    "snapshot": "Take a snapshot of files, folders, a pipe or a command's output.",
    "list": "List the snapshots.",
    "ls": "List what a snapshot holds.",
    "cat": "Write one file of a snapshot to stdout.",
    "restore": "Restore a snapshot, or part of it, into a folder or as a tar.",
    "diff": "Compare two snapshots.",
    "check": "Check that everything stored is there and right.",
    "stats": "Show how much is stored, and how small it became.",
    "hold": "Protect snapshots from being removed.",
    "release": "End the protection of snapshots.",
    "version": "Show the version, the format and the libraries.",
    "completion": "Print the shell completion for bash, zsh or fish.",
}


class _LazyGroup(click.Group):
    """Loads a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"dedupstore.cli.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


def build_cli() -> click.Group:
    """Return the command line."""
    return _LazyGroup(
        "dedupstore",
        params=global_options(environment=True),
        help="Keep logs, each line once, and give any moment back byte for byte.",
        epilog="See 'dedupstore COMMAND --help' for examples.",
        context_settings={"help_option_names": ["-h", "--help"]},
        no_args_is_help=True,
    )


def main() -> NoReturn:
    """Run the command line and exit with the code scripts rely on."""
    _settle_signals()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line with ``arguments`` and return the exit code."""
    session = Session()
    try:
        code = build_cli().main(
            arguments, prog_name="dedupstore", standalone_mode=False, obj=session
        )
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return exit_codes.USAGE
    except click.ClickException as error:
        return _fail(session, arguments, exit_codes.USAGE, "usage", error.format_message())
    except DedupstoreError as error:
        code = exit_codes.exit_code_of(error)
        return _fail(session, arguments, code, error.kind, error.message, error.hint, error)
    except (KeyboardInterrupt, click.Abort):
        return _fail(session, arguments, exit_codes.INTERRUPTED, "interrupted", "interrupted")
    except BrokenPipeError:
        # Whoever read our output has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.FAILED
    except OSError as error:
        return _fail_unexpected(session, arguments, error)
    except Exception as error:
        if os.environ.get("DEDUPSTORE_TRACEBACK"):
            raise
        return _fail_unexpected(session, arguments, error)
    return code if isinstance(code, int) else exit_codes.DONE


def _fail_unexpected(session: Session, arguments: list[str], error: Exception) -> int:
    message = str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    hint = None if isinstance(error, OSError) else "this is a bug; please report it"
    kind = "system" if isinstance(error, OSError) else "internal"
    return _fail(session, arguments, exit_codes.FAILED, kind, message, hint)


def _fail(
    session: Session,
    arguments: list[str],
    code: int,
    kind: str,
    message: str,
    hint: str | None = None,
    error: DedupstoreError | None = None,
) -> int:
    click.echo(f"error: {printable(message)}", err=True)
    if hint:
        click.echo(f"hint: {printable(hint)}", err=True)
    # When the arguments could not be understood, the session may not know of --json yet.
    if session.json or "--json" in arguments:
        fields: dict[str, Any] = {"code": code, "kind": kind, "message": message, "hint": hint}
        if isinstance(error, SnapshotUnknown):
            fields["candidates"] = list(error.candidates)
        click.echo(to_json({"error": fields}))
    return code


def _settle_signals() -> None:
    """Let a closed pipe end us quietly, and SIGTERM end us like Ctrl-C: cleanly."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
