"""Finding out what is wrong with what is stored.

`tables` looks at packs and the index, `pack_data` decodes and hashes blocks, `parity` verifies
parity; `records` loads the records of snapshots and removals, `policies` reads policies;
`references` follows every snapshot to its chunks; `findings` collects what is wrong, and `events`
what the engine meets on its way.
"""
