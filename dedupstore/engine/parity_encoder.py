"""Making parity shards with pyeclib: an extra, so this module may fail to be imported.

Only encoding is left to the library. What it computes is defined by ``format/reed_solomon.py``,
which is enough to heal with.
"""

from __future__ import annotations

from pyeclib.ec_iface import ECDriver, ECDriverError

from dedupstore.limits import MIB

_PIECE_BYTES = 1 * MIB


def encode_parity_shards(data: memoryview, data_count: int, parity_count: int) -> list[bytearray]:
    """Return the parity shards of ``data``, which is ``data_count`` shards of one length.

    Raises:
        RuntimeError: the library failed.
    """
    shard_bytes = len(data) // data_count
    # Shards are encoded some columns at a time: the library copies all that it is given.
    step = max(1, _PIECE_BYTES // data_count)
    shards = [bytearray() for _ in range(parity_count)]
    try:
        driver = ECDriver(k=data_count, m=parity_count, ec_type="isa_l_rs_cauchy")
        try:
            for begin in range(0, shard_bytes, step):
                end = min(shard_bytes, begin + step)
                columns = b"".join(
                    data[number * shard_bytes + begin : number * shard_bytes + end]
                    for number in range(data_count)
                )
                fragments = driver.encode(columns)
                for shard, fragment in zip(shards, fragments[data_count:], strict=True):
                    # The library's own header stands before the bytes, which fill the rest.
                    shard += memoryview(fragment)[len(fragment) - (end - begin) :]
        finally:
            driver.close()
    except ECDriverError as error:
        raise RuntimeError(f"the library for parity failed: {error}") from error
    return shards
