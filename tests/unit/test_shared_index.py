"""One index that is used several times over in one process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# In a process of its own: what it looks for would stop every thread for ever.
PROGRAM = """
import sys
import threading
from dedupstore.index.lmdb_folder import LmdbFolder

first = LmdbFolder(sys.argv[1], create=True)
table = first.table(b"table")
opened = threading.Event()
is_writing = threading.Event()


def write(transaction):
    transaction.put(b"key", b"value", db=table)
    is_writing.set()
    assert opened.wait(10)


writer = threading.Thread(target=first.write, args=(write,))
writer.start()
assert is_writing.wait(10)
second = LmdbFolder(sys.argv[1], create=False)
again = second.table(b"table")
opened.set()
writer.join()
with second.read() as transaction:
    assert transaction.get(b"key", db=again) == b"value"
first.close()
second.close()
"""


def test_an_index_is_opened_while_another_thread_writes_it(tmp_path: Path) -> None:
    """A thread opens an index into which another one is writing, and neither stops the other."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    subprocess.run(command, check=True, timeout=30)
