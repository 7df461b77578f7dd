"""``dedupstore version``."""

from __future__ import annotations

import platform

import click

from dedupstore.chunking import kernel_detail, kernel_name
from dedupstore.cli.options import Command
from dedupstore.cli.session import session_of
from dedupstore.cli.text import labelled
from dedupstore.format import codecs, hashing
from dedupstore.format.fields import FORMAT_VERSION
from dedupstore.index import lmdb_folder
from dedupstore.twins import kernel_name as twin_kernel_name
from dedupstore.version import __version__


@click.command("version", cls=Command)
@click.pass_context
def command(context: click.Context) -> None:
    """Show the version, the stored format, the kernels and the libraries."""
    libraries = {
        "python": platform.python_version(),
        "blake3": hashing.LIBRARY_VERSION,
        "zstandard": codecs.LIBRARY_VERSION,
        "lmdb": lmdb_folder.LIBRARY_VERSION,
    }
    fields = {
        "version": __version__,
        "format": FORMAT_VERSION,
        "kernel": kernel_name(),
        "kernel_detail": kernel_detail(),
        "twin_kernel": twin_kernel_name(),
        "libraries": libraries,
    }
    rows = {
        "format": FORMAT_VERSION,
        "kernel": f"{kernel_name()} ({kernel_detail()})",
        "twin kernel": twin_kernel_name(),
        **libraries,
    }
    session_of(context).result(fields, [f"dedupstore {__version__}", *labelled(rows)])
