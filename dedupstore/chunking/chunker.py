"""Cuts buffers and streams into chunks."""

from collections.abc import Iterator
from functools import cached_property

from dedupstore.chunking.chunks import Chunks
from dedupstore.chunking.kernel import Kernel, active_kernel
from dedupstore.chunking.parameters import ChunkingParameters, CutRules
from dedupstore.chunking.window import Window


class Chunker:
    """Cuts by one set of parameters. Holds no state of a stream: one serves all threads.

    Args:
        parameters: where chunks may end.
        kernel: what finds the cuts; the fastest one unless told otherwise. All find the same.
    """

    def __init__(self, parameters: ChunkingParameters, kernel: Kernel | None = None) -> None:
        self.parameters = parameters
        self.kernel = kernel or active_kernel()

    @cached_property
    def _rules(self) -> CutRules:
        # Derived for the first bytes that are cut: where nothing is new, none are.
        return self.parameters.rules()

    def find_cuts(
        self, data: bytes | bytearray | memoryview, start: int, end: int, final: bool
    ) -> list[int]:
        """Find the chunks of data[start:end], the first of which begins at start.

        The native kernel releases the GIL; nobody may change the data meanwhile.

        Args:
            data: contiguous bytes.
            start: where the first chunk begins.
            end: where the data at hand ends.
            final: whether the stream ends there; if not, a chunk is cut only where more data
                could not change it, and fewer than max_bytes are left over.

        Returns:
            The end offset of each chunk, ascending. If `final`, the last one is `end`.

        Raises:
            ValueError: not 0 <= start <= end <= length of data.
        """
        return self.kernel.find_cuts(data, start, end, final, self._rules)

    def batches(self, window: Window, shown: memoryview, begin: int = 0) -> Iterator[Chunks]:
        """Cut a stream, or what is left of one.

        Cuts depend on the bytes alone, never on how the window shows them.

        Args:
            window: what shows the stream.
            shown: what it has shown last.
            begin: where in that the first chunk begins.

        Yields:
            The next chunks in order, at least one. They hold until the next step.

        Raises:
            ValueError: the window shows less than it has to.
        """
        while shown:
            cuts = self.find_cuts(shown, begin, len(shown), window.ends)
            if cuts:
                yield Chunks(shown, begin, cuts)
                begin = cuts[-1]
            elif not begin and not window.ends:
                raise ValueError(f"a window of {len(shown)} bytes is too small to cut in")
            shown = window.show(begin)
            begin = 0
