"""Whole numbers in recipes: unsigned LEB128, in its shortest form, below 2**63."""

from __future__ import annotations

from dedupstore.errors import FormatError

VARINT_MAX = (1 << 63) - 1


def append_varint(target: bytearray, number: int) -> None:
    """Append a number from 0 to ``VARINT_MAX``."""
    while number > 0x7F:
        target.append(number & 0x7F | 0x80)
        number >>= 7
    target.append(number)


def varint_bytes(number: int) -> int:
    """Return how many bytes a number takes."""
    return max(1, (number.bit_length() + 6) // 7)


class RecipeBytes:
    """Reads a recipe from its begin to its end.

    Every method raises FormatError where the recipe is cut off.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    @property
    def left_bytes(self) -> int:
        """How many bytes have not been read."""
        return len(self._data) - self._place

    def take(self, count: int) -> bytes:
        """Return the next ``count`` bytes."""
        begin = self._place
        if count > self.left_bytes:
            raise FormatError("a recipe is cut off")
        self._place = begin + count
        return self._data[begin : self._place]

    def byte(self) -> int:
        """Return the next byte."""
        return self.take(1)[0]

    def varint(self, least: int = 0, most: int = VARINT_MAX) -> int:
        """Return the next number, which must be in a range and in its shortest form."""
        data, place = self._data, self._place
        number = shift = 0
        while True:
            if place == len(data):
                raise FormatError("a recipe is cut off")
            byte = data[place]
            place += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift > 56:
                raise FormatError("a number in a recipe is too long")
        if shift and not byte:
            raise FormatError("a number in a recipe is not in its shortest form")
        if not least <= number <= most:
            raise FormatError(f"a number in a recipe is {number}: not from {least} to {most}")
        self._place = place
        return number

    def small_numbers(self, count: int, bits: int) -> bytes:
        """Return ``count`` numbers of ``bits`` (1 or 2) each, packed from the lowest bit on."""
        packed = int.from_bytes(self.take((count * bits + 7) // 8), "little")
        if packed >> count * bits:
            raise FormatError("spare bits of a recipe are not 0")
        digits = f"{packed:0{count}b}" if bits == 1 else _pairs(packed, count)
        return bytes(map(int, digits[::-1][:count]))


def append_small_numbers(target: bytearray, numbers: bytes | bytearray, bits: int) -> None:
    """Append numbers of ``bits`` (1 or 2) each as ``RecipeBytes.small_numbers`` reads them."""
    digits = "".join(f"{number:0{bits}b}" for number in reversed(numbers))
    if digits:
        target += int(digits, 2).to_bytes((len(numbers) * bits + 7) // 8, "little")


def _pairs(packed: int, count: int) -> str:
    digits = f"{packed:0{2 * count}b}"
    return "".join(str(int(digits[i : i + 2], 2)) for i in range(0, len(digits), 2))
