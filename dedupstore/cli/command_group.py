"""The command ``dedupstore`` itself: it knows its commands by name and loads the one asked for."""

from __future__ import annotations

import importlib

import click

from dedupstore.cli.options import global_options

# Commands are imported when they are used: name, and the line that the overview shows.
COMMANDS = {
    "init": "Make an empty repository.",
    "snapshot": "Take a snapshot of files, a pipe, a command's output or the journal.",
    "list": "List the snapshots.",
    "ls": "List what a snapshot holds.",
    "log": "List the files that make up one log through time.",
    "cat": "Write one file of a snapshot, or a whole log, to stdout.",
    "restore": "Restore a snapshot, or part of it, into a folder or as a tar.",
    "holds": "Prove that files are archived: exit 0 only if all of them are.",
    "diff": "Compare two snapshots.",
    "check": "Check that everything stored is there and right.",
    "repair": "Mend what is damaged, and say what stays lost.",
    "protect": "Store parity beside packs, to mend damage with, or remove it.",
    "stats": "Show how much is stored, and how small it became.",
    "prune": "Remove the snapshots that no policy keeps, and free their room.",
    "forget": "Remove chosen snapshots, and free their room.",
    "hold": "Protect snapshots from being removed.",
    "release": "End the protection of snapshots.",
    "policy": "Set, show or remove the policies by which prune keeps snapshots.",
    "version": "Show the version, the format and the libraries.",
    "completion": "Print the shell completion for bash, zsh or fish.",
}


class _LazyGroup(click.Group):
    """Loads a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"dedupstore.cli.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS:
            # Loaded when it is needed: every command would wait for it.
            near = importlib.import_module("difflib").get_close_matches(args[0], COMMANDS, n=1)
            if near:
                ctx.fail(f"no such command: {args[0]}; did you mean {near[0]}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def build_cli() -> click.Group:
    """Return the command line."""
    return _LazyGroup(
        "dedupstore",
        params=global_options(environment=True),
        help="Archive logs: store what is new, and give any moment back byte for byte.",
        epilog="See 'dedupstore COMMAND --help' for examples.",
        context_settings={"help_option_names": ["-h", "--help"]},
        no_args_is_help=False,
    )
