"""Cuts buffers and streams into chunks."""

from collections.abc import Callable, Iterator
from functools import cached_property

from dedupstore.chunking.kernel import Kernel, active_kernel
from dedupstore.chunking.parameters import ChunkingParameters, CutRules

ReadInto = Callable[[memoryview], int | None]
"""Reads some bytes into a buffer and returns their number, 0 at the end of the data."""


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

    def batches(
        self, read_into: ReadInto, buffer: bytearray, filled: int = 0
    ) -> Iterator[list[memoryview]]:
        """Cut a stream that is read through one buffer.

        Cuts depend on the bytes alone, never on how the reads split them. At most max_bytes are
        carried over from one batch to the next.

        Args:
            read_into: fills the start of the memoryview it is given and returns how many bytes it
                wrote, 0 at the end of the data; may return short.
            buffer: at least 2 * max_bytes; some MiB make batches worth their overhead.
            filled: how many bytes the buffer holds already: the stream begins with them.

        Yields:
            The next chunks in order, at least one, as views of the buffer. They hold until the
            next step, which overwrites them.

        Raises:
            ValueError: the buffer is too small, or read_into returned what it cannot have read.
        """
        if len(buffer) < 2 * self.parameters.max_bytes:
            raise ValueError(f"buffer is shorter than 2 * max_bytes: {len(buffer)}")
        view = memoryview(buffer)
        while True:
            filled, final = fill(read_into, view, filled)
            cuts = self.find_cuts(view, 0, filled, final)
            if cuts:
                yield [view[i:j] for i, j in zip([0, *cuts], cuts, strict=False)]
            if final:
                return
            done = cuts[-1]
            view[: filled - done] = view[done:filled]
            filled -= done


def fill(read_into: ReadInto, view: memoryview, filled: int) -> tuple[int, bool]:
    """Read until the view is full or the data ends; return bytes held and whether it ended.

    Raises:
        ValueError: read_into returned what it cannot have read.
    """
    while filled < len(view):
        got = read_into(view[filled:])
        if got == 0:
            return filled, True
        if got is None or not 0 < got <= len(view) - filled:
            raise ValueError(f"read_into returned {got} for {len(view) - filled} bytes")
        filled += got
    return filled, False
