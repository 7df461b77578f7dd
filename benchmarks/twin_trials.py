"""Tries whether gzip files can be kept as twins, what their recipes take, and what comes back."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dedupstore.format.codecs import ZstdCompressor
from dedupstore.limits import RECIPE_BYTES_MAX, RECIPE_INLINE_BYTES_MAX
from dedupstore.operations.snapshot.twin_proofs import RECIPE_BYTES_FREE, RECIPE_PERCENT_MAX
from dedupstore.twins import Prover, rebuild

from rotated_logs import open_logs, regular_files

_STEP_BYTES = 1 << 20
_RECIPE_LEVEL = 1
_GZIP_ENDING = ".gz"


@dataclass
class Trials:
    """What became of the files of one encoder at one level, or of those that were found.

    `recipe_bytes` is what the recipes of the twins take when stored, `twin_bytes` their files.
    `exact` counts twins that were rebuilt to the same bytes. `refusals` counts why others are kept
    raw.
    """

    name: str
    level: int | None = None
    files: int = 0
    gz_bytes: int = 0
    twins: int = 0
    twin_bytes: int = 0
    exact: int = 0
    recipe_bytes: int = 0
    recipe_share_max: float = 0.0
    refusals: dict[str, int] = field(default_factory=dict)

    @property
    def recipe_share(self) -> float | None:
        """Stored recipes over the files they rebuild; None if there is no twin."""
        return self.recipe_bytes / self.twin_bytes if self.twin_bytes else None

    def try_one(self, packed: bytes) -> None:
        """Prove a file, rebuild it from its text and its recipe, and take note."""
        self.files += 1
        self.gz_bytes += len(packed)
        prover = Prover()
        for piece in _pieces(packed):
            prover.feed(piece)
        proof = prover.finish()
        if proof is None:
            self._refuse(prover.refusal)
            return
        stored_bytes = _stored_bytes(proof.recipe)
        if len(proof.recipe) > RECIPE_BYTES_MAX or (
            stored_bytes > max(RECIPE_BYTES_FREE, len(packed) * RECIPE_PERCENT_MAX // 100)
        ):
            self._refuse(f"recipe above {RECIPE_PERCENT_MAX} %")
            return
        text = gzip_text(packed)
        self.twins += 1
        self.twin_bytes += len(packed)
        self.recipe_bytes += stored_bytes
        self.recipe_share_max = max(self.recipe_share_max, stored_bytes / len(packed))
        same = len(text) == proof.plain_bytes
        self.exact += same and b"".join(rebuild(proof.recipe, _pieces(text))) == packed

    def _refuse(self, why: str) -> None:
        self.refusals[why] = self.refusals.get(why, 0) + 1


def gzip_text(packed: bytes) -> bytes:
    """Return the text of all members of a gzip file; what follows them is passed over."""
    text = []
    while packed.startswith(b"\x1f\x8b"):
        member = zlib.decompressobj(31)
        text.append(member.decompress(packed) + member.flush())
        packed = member.unused_data
    return b"".join(text)


def found_gz(folders: Sequence[Path]) -> Iterator[bytes]:
    """Yield each .gz in the folders as it is."""
    for folder in folders:
        for path in sorted(regular_files(folder)):
            if path.name.endswith(_GZIP_ENDING):
                yield path.read_bytes()


def sample_texts(folder: Path, files: int, text_bytes: int) -> list[bytes]:
    """Return the beginnings, `text_bytes` at most, of some files of a folder, unpacked.

    They are evenly chosen from the smallest to the largest, so that the largest is among them.
    """
    found = sorted(regular_files(open_logs(folder).path), key=lambda path: path.stat().st_size)
    sized = [path for path in found if path.stat().st_size]
    chosen = [sized[(number + 1) * len(sized) // files - 1] for number in range(files)]
    texts = []
    for path in dict.fromkeys(chosen if len(sized) > files else sized):
        with path.open("rb") as file:
            packed = path.name.endswith(_GZIP_ENDING)
            source = gzip.GzipFile(fileobj=file) if packed else file
            try:
                texts.append(source.read(text_bytes))
            except (EOFError, zlib.error, gzip.BadGzipFile):
                continue
    return [text for text in texts if text]


def _stored_bytes(recipe: bytes) -> int:
    """Return what a recipe takes: in the entry of its file, or as chunks, which are compressed."""
    if len(recipe) <= RECIPE_INLINE_BYTES_MAX:
        return len(recipe)
    return len(ZstdCompressor(_RECIPE_LEVEL, len(recipe)).compress(recipe))


def _pieces(data: bytes) -> Iterator[bytes]:
    for begin in range(0, len(data), _STEP_BYTES):
        yield data[begin : begin + _STEP_BYTES]
