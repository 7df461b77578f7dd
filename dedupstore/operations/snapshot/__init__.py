"""Taking snapshots.

`run`, `stream` and `journal` are the ways in: of files, of one stream of bytes, and of the systemd
journal (`journalctl`). Below them `sources` and `walk` find what there is, `known_files` and
`known_index` what the last snapshot has of it. `regular_files` decides what is taken over,
continued (`continuation`), copied by SQLite (`databases`), kept as a twin (`twin_proofs`) or read
whole (`file_content`), along a list that is known (`followed_list`); `report` says what happened.

Nothing is loaded here: each way in needs much that the others do not.
"""
