"""``dedupstore completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from dedupstore.cli.options import Command
from dedupstore.cli.session import session_of

_EPILOG = """
dedupstore completion bash > /etc/bash_completion.d/dedupstore
dedupstore completion zsh > "${fpath[1]}/_dedupstore"
dedupstore completion fish > ~/.config/fish/completions/dedupstore.fish
"""


@click.command("completion", cls=Command, epilog=_EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the completion script for a shell."""
    if session_of(context).json:
        raise click.UsageError("completion prints a script; it has no --json")
    completion_class = get_completion_class(shell)
    if completion_class is None:
        raise click.UsageError(f"no completion for {shell}")
    root = context.find_root().command
    completion = completion_class(root, {}, "dedupstore", "_DEDUPSTORE_COMPLETE")
    click.echo(completion.source())
