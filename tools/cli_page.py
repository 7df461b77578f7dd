"""Writes docs/cli.md from the commands themselves: `python tools/cli_page.py > docs/cli.md`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator

import click

from dedupstore.cli.command_group import build_cli
from dedupstore.cli.options import global_options

_HEAD = """# The command line

Made from the code by `tools/cli_page.py`; a test keeps it true.

    dedupstore [GLOBAL OPTIONS] COMMAND …

Global options stand before or after the command. A SNAPSHOT is a unique prefix of an id (at least
4 digits), `latest`, `latest~N` (N before it), or `@TIME` (the newest at or before TIME); `--set`
narrows the last three. PATHs of a snapshot may be globs: `*` and `?` stay within a name, `**` does
not.

Sizes are `64KiB`, `10MB`; durations `90s`, `15m`, `12h`, `7d`, `4w`, `6mo`, `2y`; times ISO 8601.
Exit codes: [operations.md](operations.md#exit-codes).
"""


def cli_page() -> str:
    """Return the page in Markdown."""
    group = build_cli()
    parts = [_HEAD, "## Global options\n", _options(global_options(environment=True))]
    parts += [_command(name, command) for name, command in _commands(group, "")]
    return "\n".join(parts)


def _commands(group: click.Group, prefix: str) -> Iterator[tuple[str, click.Command]]:
    """Yield the commands of a group, in place of a family of commands its members."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            raise LookupError(name)
        if isinstance(command, click.Group):
            yield from _commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name, command


def _command(name: str, command: click.Command) -> str:
    global_names = {option.name for option in global_options(environment=False)}
    parameters = [option for option in command.params if option.name not in global_names]
    arguments = [
        parameter.make_metavar(click.Context(command))
        for parameter in parameters
        if isinstance(parameter, click.Argument)
    ]
    usage = " ".join(["dedupstore", name, "[OPTIONS]", *arguments])
    text = f"## {name}\n\n    {usage}\n\n{inspect.cleandoc(command.help or '')}\n"
    options = [parameter for parameter in parameters if isinstance(parameter, click.Option)]
    if options:
        text += "\n" + _options(options)
    if command.epilog:
        lines = (f"    {line.strip()}" for line in command.epilog.strip().splitlines())
        text += "\nExamples:\n\n" + "\n".join(lines) + "\n"
    return text


def _options(options: list[click.Parameter] | list[click.Option]) -> str:
    lines = ["| option | meaning |", "|---|---|"]
    for option in options:
        if isinstance(option, click.Option):
            names = ", ".join([*option.opts, *option.secondary_opts])
            lines.append(f"| `{names}{_value(option)}` | {_meaning(option)} |")
    return "\n".join(lines) + "\n"


def _value(option: click.Option) -> str:
    if option.is_flag or option.count:
        return ""
    if isinstance(option.type, click.Choice):
        return " " + "\\|".join(map(str, option.type.choices))
    metavar = option.metavar or option.type.name.upper()
    return " " + metavar.replace("|", "\\|")


def _meaning(option: click.Option) -> str:
    text = (option.help or "").replace("|", "\\|")
    if option.show_default and not option.is_flag:
        text += f" Default: {option.default}."
    if option.envvar:
        text += f" Environment: `{option.envvar}`."
    return text


if __name__ == "__main__":
    sys.stdout.write(cli_page())
