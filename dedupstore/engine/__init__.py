"""The engine core: what all operations share.

The repository and its index, the order of commits, writing and reading chunks, manifests,
snapshot records and locks.
"""
