"""The options that every command takes, before and after its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from dedupstore.cli.quantities import DURATION, ZONE
from dedupstore.cli.session import Session


def _store(set_value: Callable[[Session, Any], None]) -> Callable[..., None]:
    def callback(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        session = context.find_root().ensure_object(Session)
        if value is not None and value is not False and value != 0:
            set_value(session, value)

    return callback


def _set_location(session: Session, value: str) -> None:
    session.location = value


def _set_json(session: Session, value: bool) -> None:
    session.json = value


def _set_progress(session: Session, value: str) -> None:
    session.progress = value == "on"


def _set_lock_wait(session: Session, value: float) -> None:
    session.lock_wait_seconds = value


def _set_zone(session: Session, value: Any) -> None:
    session.zone = value


def _set_quiet(session: Session, value: int) -> None:
    session.verbosity -= value


def _set_verbose(session: Session, value: int) -> None:
    session.verbosity += value


def _option(
    names: list[str], set_value: Callable[[Session, Any], None], **settings: Any
) -> click.Option:
    return click.Option(names, callback=_store(set_value), expose_value=False, **settings)


def global_options(*, environment: bool) -> list[click.Parameter]:
    """Return the global options; ``environment`` lets them be taken from it, too."""
    return [
        _option(
            ["-r", "--repo"],
            _set_location,
            metavar="LOCATION",
            envvar="DEDUPSTORE_REPO" if environment else None,
            show_envvar=environment,
            help="The repository: a folder.",
        ),
        _option(
            ["--json"],
            _set_json,
            is_flag=True,
            help="Print one JSON document, or JSON Lines where a listing can be long.",
        ),
        _option(["-q", "--quiet"], _set_quiet, count=True, help="Say less."),
        _option(["-v", "--verbose"], _set_verbose, count=True, help="Say more on stderr."),
        _option(
            ["--progress", "progress"],
            _set_progress,
            flag_value="on",
            help="Show progress bars on stderr; the default on a terminal.",
        ),
        _option(
            ["--no-progress", "no_progress"],
            _set_progress,
            flag_value="off",
            help="Show no progress bars.",
        ),
        _option(
            ["--lock-wait"],
            _set_lock_wait,
            type=DURATION,
            help="How long to wait for a lock, such as 10m.  [default: 0s]",
        ),
        _option(
            ["--timezone"],
            _set_zone,
            type=ZONE,
            help="Zone of times that have none, such as Europe/Paris.  [default: UTC]",
        ),
    ]


class _TakesGlobalOptions(click.Command):
    """Adds the global options behind a command's name, and lists them apart."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.params = [*self.params, *global_options(environment=False)]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples line by line, as they are to be typed."""
        if self.epilog:
            formatter.write_paragraph()
            formatter.write("Examples:\n")
            for line in self.epilog.strip().splitlines():
                formatter.write(f"  {line.strip()}\n")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List a command's own options first, the global ones apart."""
        global_names = {option.name for option in global_options(environment=False)}
        own: list[tuple[str, str]] = []
        everywhere: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                (everywhere if parameter.name in global_names else own).append(record)
        if own:
            with formatter.section("Options"):
                formatter.write_dl(own)
        with formatter.section("Global options"):
            formatter.write_dl(everywhere)


class Command(_TakesGlobalOptions):
    """A command that also takes the global options behind its name."""


class CommandFamily(_TakesGlobalOptions, click.Group):
    """A command that is followed by one of several, such as ``policy set`` and ``policy show``."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, no_args_is_help=False, **settings)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands first, then the options as for any command."""
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)
