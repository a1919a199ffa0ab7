"""A disk of a few megabytes that can be filled: a tmpfs, where this machine lets us mount one."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

MOUNT, UMOUNT = "/bin/mount", "/bin/umount"


@contextmanager
def small_disk(folder: Path, megabytes: int = 64) -> Iterator[Path]:
    """Mount a small disk on a folder; the test is skipped where that is not permitted."""
    folder.mkdir()
    size = f"size={megabytes}m"
    mount = [MOUNT, "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, check=False)  # noqa: S603
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run([UMOUNT, "-l", folder], check=True)  # noqa: S603


@contextmanager
def full(disk: Path, store: Path | None = None) -> Iterator[None]:
    """Fill the disk to its last byte while the block runs.

    What a SQLite store had reserved for its log is given back first, or it would write there for a while.
    """
    ballast = disk / "ballast"
    try:
        if store is not None:
            with closing(sqlite3.connect(store, timeout=5.0)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with ballast.open("wb", buffering=0) as file:
            _fill(file.fileno())
        yield
    finally:
        ballast.unlink(missing_ok=True)


def _fill(file: int) -> None:
    for size in (1 << 20, 1 << 12, 1):
        with suppress(OSError):
            while os.write(file, bytes(size)):
                pass
