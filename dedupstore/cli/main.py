"""The entry of the command line.

Little is imported before the signals are settled, so that Ctrl-C ends even the start cleanly.
"""

from __future__ import annotations

import _thread
import gc
import importlib
import os
import signal
import sys
import time
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from dedupstore.cli import exit_codes

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_AGAIN_SECONDS = 0.005
_GARBAGE_LOOKED_FOR_AFTER = 50_000
"""Objects made and not yet gone; some MB, if they are garbage."""

_INTERRUPTED_JSON = (
    b'{"error": {"code": 130, "kind": "interrupted", "message": "interrupted", "hint": null}}\n'
)


def main() -> NoReturn:
    """Run the command line and exit with the code scripts rely on."""
    try:
        _settle_signals()
        # What is loaded makes many objects, which stay: garbage would be looked for in vain.
        gc.set_threshold(_GARBAGE_LOOKED_FOR_AFTER)
        code: int = importlib.import_module("dedupstore.cli.run").run(sys.argv[1:])
        _ignore_signals()
    except KeyboardInterrupt:
        _ignore_signals()
        code = _interrupted_early()
    # At the end all of it goes with the process, and need not be looked through either.
    gc.freeze()
    sys.exit(code)


def _interrupted_early() -> int:
    """Say the same as a command that is interrupted, with nothing but what is loaded by now."""
    os.write(2, b"error: interrupted\n")
    if "--json" in sys.argv:
        os.write(1, _INTERRUPTED_JSON)
    return exit_codes.INTERRUPTED


def _settle_signals() -> None:
    """Let a closed pipe end us quietly, and SIGTERM end us like Ctrl-C: cleanly."""
    sys.unraisablehook = _heed_interruption
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, _interrupt)


def _ignore_signals() -> None:
    """Keep the exit code, now that the command has told its outcome."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _heed_interruption(unraisable: UnraisableHookArgs) -> None:
    """Interrupt again where an interruption hit a callback that cannot pass it on.

    The interpreter would print it, and go on as if nothing had been asked.
    """
    if unraisable.exc_type is KeyboardInterrupt:
        _thread.start_new_thread(_interrupt_soon, ())
    else:
        sys.__unraisablehook__(unraisable)


def _interrupt_soon() -> None:
    time.sleep(_AGAIN_SECONDS)
    os.kill(os.getpid(), signal.SIGINT)
