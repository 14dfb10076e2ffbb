"""Find and end the processes that work in a folder: the drains that a test started, and no others."""

from __future__ import annotations

import time
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
    deadline = time.monotonic() + _PATIENCE
    while left := [process for process in found if not _has_ended(process)]:
        if time.monotonic() >= deadline:
            for process in left:
                process.kill()
            break
        time.sleep(0.01)
    return told


def _has_ended(process: psutil.Process) -> bool:
    """Say whether it is gone, or would be if its parent (where it has none left: the system) looked after it."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
