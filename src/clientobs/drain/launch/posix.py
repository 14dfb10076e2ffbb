"""Start a detached process on macOS, and on a Linux without glibc: a shell that goes at once.

`sh -c '"$@" &'` starts the program and ends; the program is then nobody's child. The shell is ours to reap,
and is reaped at once. What this way can't hide from the host: one SIGCHLD, and for some milliseconds a
child that a thread in `os.wait()` may meet before we do. Where that is too much, ops run the drain
themselves (`CLIENTOBS_DRAIN=external`).

os.posix_spawn and not os.fork: fork in a process with threads is undefined behaviour on macOS as soon as a
system framework is loaded, and it runs the host's own at-fork handlers.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence
from typing import Final

__all__ = ["launch"]

_SHELL: Final = "/bin/sh"
_DETACH: Final = 'cd "$1" && shift && "$@" &'


def launch(path: str, argv: Sequence[str], environ: Sequence[tuple[str, str]], folder: str) -> None:
    """Start `path` detached, in `folder`; raise OSError where the shell can't be started.

    Descriptors of the host that are inheritable reach the program, which closes them first thing
    (`start.py`). `argv[0]` is not passed on: a shell gives a program its own path.
    """
    null = os.open(os.devnull, os.O_RDWR)
    try:
        pid = os.posix_spawn(
            _SHELL,
            [_SHELL, "-c", _DETACH, "sh", folder, path, *argv[1:]],
            dict(environ),
            file_actions=[(os.POSIX_SPAWN_DUP2, null, number) for number in (0, 1, 2)],
            setsigmask=(),
            setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
        )
    finally:
        os.close(null)
    # Where the host ignores SIGCHLD, or a thread of it was quicker, there is nothing left to reap.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
