"""Taking snapshots.

`run` and `stream` are the two ways in: of files, and of one stream of bytes. Below them `sources`
and `walk` find what there is, `known_files` what the last snapshot already has, `file_content`
reads what is new, `rename_count` and `report` say what happened.
"""

from dedupstore.operations.snapshot.report import FileChange, SnapshotOptions, SnapshotReport
from dedupstore.operations.snapshot.run import snapshot
from dedupstore.operations.snapshot.stream import snapshot_command, snapshot_stream

__all__ = [
    "FileChange",
    "SnapshotOptions",
    "SnapshotReport",
    "snapshot",
    "snapshot_command",
    "snapshot_stream",
]
