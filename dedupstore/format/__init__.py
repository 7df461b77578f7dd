"""The stored format: bytes in, values out, and back.

Nothing here touches files, the clock or the environment. Whatever is needed to read stored bytes
is in this package; whatever merely chooses (where to cut, which codec, what to keep) is above it.
`docs/format/` is the normative description.
"""
