"""Measures what trained dictionaries would save of frequent snapshots, and what merging does.

FOLDER holds rotated logs, as for `month.py`. Their days are laid out as a month, each cut into what
four snapshots a day bring of all logs together. That is compressed alone, as a snapshot does; with
dictionaries trained from what came before, which take room themselves; and merged into full blocks,
as prune does. Sizes are of compressed text only. Prints a table; exits with 0, or 2 for bad usage.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path

import zstandard
from dedupstore.format.codecs import ZstdCompressor
from dedupstore.limits import BLOCK_BYTES_TARGET, KIB

from rotated_logs import daily_logs, line_cuts, open_logs

_DAYS = 30
_STEPS = 4
_LEVEL = 9
_DICTIONARY_LEVEL = 19
_TRAINED_PORTIONS = 8
_SAMPLE_BYTES = 16 * KIB
_SIZES_KIB = (112, 256, 512)
_EVERY = (0, 28)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 0, or 2 for usage."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="dictionaries-") as texts:
        try:
            brought = [portion for portion in _portions(options.folders, Path(texts)) if portion]
        except OSError as error:
            parser.error(str(error))
    alone = _stored(brought)
    rows = [("alone", alone, 0)]
    for size_kib in _SIZES_KIB:
        for every in _EVERY:
            how = f"every {every} snapshots" if every else "once"
            rows.append((f"dictionary of {size_kib} KiB, trained {how}",
                         *_with_dictionaries(brought, size_kib * KIB, every)))  # fmt: skip
    rows.append(("merged into full blocks", _stored(_merged(brought)), 0))
    print(f"{sum(map(len, brought)):,} bytes in {len(brought)} snapshots, level {_LEVEL}")
    for name, stored, dictionaries in rows:
        saved = 100 * (1 - (stored + dictionaries) / alone)
        print(f"{name:48} {stored:>12,} + {dictionaries:>9,} {saved:6.1f} %")
    return 0


def _portions(folders: Sequence[Path], texts: Path) -> Iterator[bytes]:
    source = random.Random(1)
    logs = daily_logs([open_logs(folder) for folder in folders], texts, _DAYS, source)
    for day in range(_DAYS):
        parts: list[list[bytes]] = [[] for _ in range(_STEPS)]
        for log in logs:
            number = day - (_DAYS - len(log.days))
            if number < 0:
                continue
            text = log.days[number].text
            data = text.read_bytes()
            for step, (begin, end) in enumerate(pairwise(line_cuts(text, _STEPS, source))):
                parts[step].append(data[begin:end])
        yield from map(b"".join, parts)


def _stored(portions: Sequence[bytes]) -> int:
    compress = ZstdCompressor(_LEVEL, BLOCK_BYTES_TARGET).compress
    return sum(len(compress(portion)) for portion in portions)


def _merged(portions: Sequence[bytes]) -> list[bytes]:
    text = b"".join(portions)
    begins = range(0, len(text), BLOCK_BYTES_TARGET)
    return [text[begin : begin + BLOCK_BYTES_TARGET] for begin in begins]


def _with_dictionaries(portions: Sequence[bytes], size: int, every: int) -> tuple[int, int]:
    """Return what portions take, and what the dictionaries they need take."""
    compress = ZstdCompressor(_LEVEL, BLOCK_BYTES_TARGET).compress
    stored = dictionaries = 0
    for number, portion in enumerate(portions):
        is_due = number == _TRAINED_PORTIONS or (
            every and number > _TRAINED_PORTIONS and not (number - _TRAINED_PORTIONS) % every
        )
        if is_due:
            trained = _train(portions[number - _TRAINED_PORTIONS : number], size)
            packed = ZstdCompressor(_DICTIONARY_LEVEL, size).compress(trained.as_bytes())
            dictionaries += len(packed)
            compress = _compressor_with(trained)
        stored += len(compress(portion))
    return stored, dictionaries


def _train(portions: Sequence[bytes], size: int) -> zstandard.ZstdCompressionDict:
    text = b"".join(portions)
    ends = accumulate([_SAMPLE_BYTES] * (len(text) // _SAMPLE_BYTES))
    samples = [text[end - _SAMPLE_BYTES : end] for end in ends]
    return zstandard.train_dictionary(size, samples, level=_LEVEL)


def _compressor_with(trained: zstandard.ZstdCompressionDict) -> Callable[[bytes], bytes]:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        _LEVEL, source_size=BLOCK_BYTES_TARGET, window_log=24
    )
    return zstandard.ZstdCompressor(compression_params=parameters, dict_data=trained).compress


if __name__ == "__main__":
    sys.exit(main())
