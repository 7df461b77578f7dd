"""Programs and libraries that write gzip files."""

from __future__ import annotations

import gzip
import importlib
import os
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_GZIP_WBITS = 31

_JAVA = """
import java.io.*;
import java.util.zip.GZIPOutputStream;

class Pack {
    public static void main(String[] arguments) throws IOException {
        OutputStream file = new BufferedOutputStream(System.out);
        OutputStream packed = new GZIPOutputStream(file) {
            { def.setLevel(Integer.parseInt(arguments[0])); }
        };
        System.in.transferTo(packed);
        packed.close();
    }
}
"""

_GO = """
package main

import (
    "compress/gzip"
    "io"
    "os"
    "strconv"
)

func main() {
    level, err := strconv.Atoi(os.Args[1])
    if err != nil {
        panic(err)
    }
    packed, err := gzip.NewWriterLevel(os.Stdout, level)
    if err != nil {
        panic(err)
    }
    if _, err := io.Copy(packed, os.Stdin); err != nil {
        panic(err)
    }
    if err := packed.Close(); err != nil {
        panic(err)
    }
}
"""

_NODE = """
const { createGzip } = require("zlib");
process.stdin.pipe(createGzip({ level: Number(process.argv[1]) })).pipe(process.stdout);
"""


class EncoderMissing(Exception):
    """An encoder is not installed, or does not work here."""


Compress = Callable[[bytes, int], bytes]
"""Returns the gzip file that the encoder makes of a text at a level."""


@dataclass(frozen=True)
class Encoder:
    """One encoder and its levels, a single 0 where it has none.

    `is_exact`: it chooses its tokens as zlib does, so that next to nothing tells its files from
    what is predicted; files of others need a recipe with corrections.
    """

    name: str
    levels: Sequence[int]
    is_exact: bool
    compress: Compress
    slowness: int = 1


@dataclass(frozen=True)
class _Candidate:
    name: str
    levels: Sequence[int]
    is_exact: bool
    open: Callable[[Path], Compress]
    slowness: int = 1


def encoders(work: Path) -> Iterator[Encoder | EncoderMissing]:
    """Yield all encoders that work here, and for each other one why it does not.

    What must be compiled is compiled into the folder `work`.
    """
    for number, candidate in enumerate(_CANDIDATES):
        folder = work / f"encoder-{number:02}"
        folder.mkdir()
        try:
            compress = candidate.open(folder)
            if gzip.decompress(compress(b"text", candidate.levels[0])) != b"text":
                raise EncoderMissing("does not work")
        except (EncoderMissing, ImportError, OSError, subprocess.SubprocessError) as error:
            yield EncoderMissing(f"{candidate.name}: {error}")
            continue
        yield Encoder(
            candidate.name, candidate.levels, candidate.is_exact, compress, candidate.slowness
        )


def encoder_names() -> list[str]:
    """Return the names of all encoders, installed or not."""
    return [candidate.name for candidate in _CANDIDATES]


def _filter(arguments: Callable[[int], Sequence[str]]) -> Callable[[Path], Compress]:
    def open_it(_: Path) -> Compress:
        program = _program(arguments(0)[0])
        return lambda text, level: _run([program, *arguments(level)[1:]], text)

    return open_it


def _open_java(folder: Path) -> Compress:
    compiler, java = _program("javac"), _program("java")
    source = folder / "Pack.java"
    source.write_text(_JAVA)
    _run([compiler, "-d", str(folder), str(source)], b"")
    start = [java, "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", str(folder), "Pack"]
    return lambda text, level: _run([*start, str(level)], text)


def _open_go(folder: Path) -> Compress:
    source, program = folder / "pack.go", folder / "pack"
    source.write_text(_GO)
    subprocess.run(
        [_program("go"), "build", "-o", str(program), str(source)],
        check=True,
        capture_output=True,
        env={**os.environ, "GOCACHE": str(folder / "cache"), "GO111MODULE": "off"},
    )
    return lambda text, level: _run([str(program), str(level)], text)


def _open_node(_: Path) -> Compress:
    node = _program("node")
    return lambda text, level: _run([node, "-e", _NODE, str(level)], text)


def _open_zopfli(folder: Path) -> Compress:
    program = _program("zopfli")

    def compress(text: bytes, level: int) -> bytes:
        # It does not read from a pipe.
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(text)
            file.flush()
            return _run([program, "-c", f"--i{level}", file.name], b"")

    return compress


def _open_python_gzip(_: Path) -> Compress:
    return lambda text, level: gzip.compress(text, level, mtime=1)


def _open_zlib(_: Path) -> Compress:
    return lambda text, level: _pack(zlib.compressobj(level, zlib.DEFLATED, _GZIP_WBITS), text)


def _open_zlib_ng(_: Path) -> Compress:
    library = importlib.import_module("zlib_ng.zlib_ng")
    return lambda text, level: _pack(
        library.compressobj(level, library.DEFLATED, _GZIP_WBITS), text
    )


def _open_isal(_: Path) -> Compress:
    library = importlib.import_module("isal.isal_zlib")
    return lambda text, level: _pack(
        library.compressobj(level, library.DEFLATED, _GZIP_WBITS), text
    )


def _open_libdeflate(_: Path) -> Compress:
    library = importlib.import_module("deflate")
    return lambda text, level: bytes(library.gzip_compress(text, level))


def _pack(compressor: zlib._Compress, text: bytes) -> bytes:
    return compressor.compress(text) + compressor.flush()


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise EncoderMissing("not installed")
    return found


def _run(arguments: Sequence[str], text: bytes) -> bytes:
    return subprocess.run(arguments, input=text, capture_output=True, check=True).stdout


_ALL_LEVELS = range(1, 10)
_CANDIDATES = (
    _Candidate("GNU gzip", _ALL_LEVELS, True, _filter(lambda n: ["gzip", f"-{n}nc"])),
    _Candidate("Python gzip", _ALL_LEVELS, True, _open_python_gzip),
    _Candidate("zlib", _ALL_LEVELS, True, _open_zlib),
    _Candidate("Java GZIPOutputStream", _ALL_LEVELS, True, _open_java),
    _Candidate("BusyBox gzip", [0], True, _filter(lambda _: ["busybox", "gzip", "-c"])),
    _Candidate("pigz", _ALL_LEVELS, False, _filter(lambda n: ["pigz", f"-{n}nc"])),
    _Candidate("pigz --independent", [6], False, _filter(lambda n: ["pigz", f"-{n}inc"])),
    _Candidate("Go compress/gzip", _ALL_LEVELS, False, _open_go),
    _Candidate("Node zlib", _ALL_LEVELS, False, _open_node),
    _Candidate("libdeflate (deflate)", range(1, 13), False, _open_libdeflate),
    _Candidate(
        "libdeflate-gzip",
        range(1, 13),
        False,
        _filter(lambda n: ["libdeflate-gzip", f"-{n}", "-c"]),
    ),
    _Candidate("zlib-ng", _ALL_LEVELS, False, _open_zlib_ng),
    _Candidate("isal", range(4), False, _open_isal),
    _Candidate("igzip", range(4), False, _filter(lambda n: ["igzip", f"-{n}", "-c"])),
    _Candidate("zopfli", [5], False, _open_zopfli, slowness=16),
)
