"""Restoring snapshots into a folder, or as a tar stream.

`run` goes through the chosen entries; `target` makes folders without ever leaving the target;
`writer` writes single files and links, `partial` names what is left of damaged ones; `tar_stream`
writes a tar instead.

Nothing is loaded here: who restores into a folder needs no tar.
"""
