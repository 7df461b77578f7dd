"""Continuing a log that has grown: what is known is taken over, only what is new is read."""

from __future__ import annotations

from typing import NamedTuple

from dedupstore.chunking.parameters import ChunkingParameters
from dedupstore.engine.tree_writer import ExtentTreeWriter, StorePiece
from dedupstore.errors import DamageError, UnsupportedFormat
from dedupstore.format.content import Content
from dedupstore.format.pieces import HOLE_ID, Extent
from dedupstore.operations.snapshot.kept_list import KeptList
from dedupstore.operations.snapshot.probes import ProbePlan, ProbeReader
from dedupstore.operations.snapshot.stored_lists import StoredLists


class Refusal(NamedTuple):
    """Why a file has to be read whole: the kind of an event, and its words."""

    kind: str
    detail: str


_REWRITTEN = Refusal(
    "rewritten", "it is not the log that was known with more at its end, so it was read whole"
)


class Continuation(NamedTuple):
    """Where to go on reading a file.

    ``tree`` holds the part of the chunk list that stays. ``lead`` are the bytes behind it, up to
    ``begin``, which are to be cut anew; from ``begin`` on the file is to be read.
    """

    tree: ExtentTreeWriter
    lead: bytes
    begin: int


class Attempt(NamedTuple):
    """What came of trying to continue a file.

    ``continuation`` is ``None`` where it has to be read whole; ``refusal`` then says why, if that
    is worth telling. ``bytes_read`` were read of it for the proof.
    """

    continuation: Continuation | None
    bytes_read: int = 0
    refusal: Refusal | None = None


class Continuer:
    """Finds out where files that have grown can be continued."""

    def __init__(
        self, stored: StoredLists, store_piece: StorePiece, parameters: ChunkingParameters
    ) -> None:
        self._stored = stored
        self._store_piece = store_piece
        self._parameters = parameters

    def attempt(self, descriptor: int, known: Content) -> Attempt:
        """Prove that an open file begins with ``known``, and say where to go on.

        Raises:
            OSError: the file cannot be read.
            NoSpace, StorageError: the index or the store cannot be used.
        """
        probing = ProbeReader(descriptor, self._stored.reader)
        try:
            walked = self._walk(known)
            if walked is None:
                return Attempt(None)
            cut_anew = [] if walked.cut_anew is None else [walked.cut_anew.id]
            if not probing.all_hold(walked.plan.probes(at_hand=cut_anew)):
                return Attempt(None, probing.bytes_read, _REWRITTEN)
            if walked.plan.ends_in_repetition(descriptor):
                return Attempt(None, probing.bytes_read)
            lead = b"".join(self._stored.reader.stream(cut_anew))
        except (DamageError, UnsupportedFormat) as error:
            detail = f"what is stored of it cannot be read, so it was read whole: {error.message}"
            return Attempt(None, probing.bytes_read, Refusal("read-whole", detail))
        continuation = Continuation(walked.tree, lead, walked.kept.kept_bytes + len(lead))
        return Attempt(continuation, probing.bytes_read)

    def _walk(self, known: Content) -> _Walk | None:
        """Walk a chunk list once; ``None`` where the index does not have all of it."""
        walk = _Walk(known, ExtentTreeWriter(self._store_piece), self._parameters)
        for batch in self._stored.batches(known):
            if batch is None:
                return None
            for extent in batch:
                walk.add(extent)
        walk.finish()
        return walk


class _Walk:
    """Parts a chunk list into what stays and what is cut anew, and plans the proof."""

    def __init__(
        self, known: Content, tree: ExtentTreeWriter, parameters: ChunkingParameters
    ) -> None:
        self.tree = tree
        self.kept = KeptList(tree, parameters)
        self.cut_anew: Extent | None = None
        self._walked_bytes = 0
        seed = known.extents[-1].id if known.extents else HOLE_ID
        self.plan = ProbePlan(known.content_bytes, seed)

    def add(self, extent: Extent) -> None:
        """Take the next extent of the list."""
        self.plan.look_at(extent, self._walked_bytes)
        self._walked_bytes += extent.extent_bytes
        self.kept.add(extent)

    def finish(self) -> None:
        """Take note that the list has ended."""
        self.cut_anew = self.kept.finish()
