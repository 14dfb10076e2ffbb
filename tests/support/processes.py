"""Find and end the processes that work in a folder: the drains that a test started, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    import os

__all__ = ["end_processes_in", "processes_in"]

_PATIENCE = 10.0
"""Seconds that an ended process gets to leave before it is killed."""


def processes_in(folder: str | os.PathLike[str]) -> list[psutil.Process]:
    """Return the other processes whose working folder lies in `folder`, or whose arguments name it.

    A drain does both. Tests work in folders with names of their own, so nobody else's process can match.
    """
    root = str(folder)
    found = []
    for process in psutil.process_iter():
        try:
            places = [process.cwd(), *process.cmdline()]
        except (psutil.Error, OSError):  # gone meanwhile, or another user's
            continue
        if process.pid != psutil.Process().pid and any(root in place for place in places):
            found.append(process)
    return found


def end_processes_in(folder: str | os.PathLike[str]) -> list[str]:
    """End those processes, wait until they are gone, and return their command lines."""
    found = processes_in(folder)
    told = []
    for process in found:
        try:
            told.append(" ".join(process.cmdline()))
            process.terminate()
        except psutil.NoSuchProcess:
            continue
    for process in psutil.wait_procs(found, timeout=_PATIENCE)[1]:
        process.kill()
    return told
