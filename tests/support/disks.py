"""Small file systems of a test's own, where this user may mount one."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["make_read_only", "tmpfs"]


@contextmanager
def tmpfs(folder: Path, size: str) -> Iterator[bool]:
    """Make `folder` a file system in memory; say whether that could be done. It vanishes with all it holds."""
    folder.mkdir()
    mounted = bool(shutil.which("mount")) and not _call(
        "mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)
    )
    try:
        yield mounted
    finally:
        if mounted:
            assert _call("umount", "--lazy", str(folder)) == 0
        shutil.rmtree(folder)


def make_read_only(folder: Path) -> None:
    """Take the right to write to a `tmpfs` away; nothing in it may be open for writing."""
    assert _call("mount", "-o", "remount,ro", str(folder)) == 0


def _call(*command: str) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode
