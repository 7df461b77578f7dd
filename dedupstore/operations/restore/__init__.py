"""Restoring snapshots into a folder, or as a tar stream.

`run` goes through the chosen entries, and `windows` divides them; `window_run` puts the files of
each window together (`planned_file`) from blocks in the order these are stored (`scattering`).
`one_by_one` restores all else. `target` makes folders without ever leaving the target; `writer`
writes single files and links, `partial` names what is left of damaged ones; `outcome` counts and
tells. `tar_stream` writes a tar instead.

Nothing is loaded here: who restores into a folder needs no tar.
"""
