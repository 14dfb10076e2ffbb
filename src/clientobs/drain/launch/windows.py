"""Start a detached process on Windows: no console, a group of its own, and out of the host's job.

CreateProcess is called through `_winapi`, the module under `subprocess`: no handle is inherited, and an
instrument that watches `subprocess.Popen` doesn't take our own drain for the artist's work.

A job object that forbids breakaway (farm workers, some launchers) refuses the first attempt with "access
denied"; the second stays in the job, and the drain then ends with it: `ensure_drain` starts another. Common
knowledge, held by tests of the two attempts, not yet by a run inside such a job.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

__all__ = ["command_line", "launch"]

DETACHED_PROCESS: Final = 0x00000008
CREATE_NEW_PROCESS_GROUP: Final = 0x00000200
CREATE_UNICODE_ENVIRONMENT: Final = 0x00000400
BELOW_NORMAL_PRIORITY_CLASS: Final = 0x00004000  # the host goes first: see _NICENESS in start.py
CREATE_BREAKAWAY_FROM_JOB: Final = 0x01000000
_ACCESS_DENIED: Final = 5

Create: TypeAlias = Callable[[str, str, int, dict[str, str], str], int]
"""(program, command line, flags, environment, folder) -> process id."""


def command_line(argv: Sequence[str]) -> str:
    r"""Join arguments as a C run time splits them: quotes, and backslashes before a quote, are escaped.

    >>> command_line(["C:\\Program Files\\python.exe", "-I", 'a "b" c\\', ""])
    '"C:\\Program Files\\python.exe" -I "a \\"b\\" c\\\\" ""'
    """
    return " ".join(_quoted(argument) for argument in argv)


def _quoted(argument: str) -> str:
    if argument and not any(character in argument for character in ' \t\n\v"'):
        return argument
    text, backslashes = '"', 0
    for character in argument:
        if character == "\\":
            backslashes += 1
            continue
        text += "\\" * (backslashes * 2 + 1 if character == '"' else backslashes) + character
        backslashes = 0
    return text + "\\" * (backslashes * 2) + '"'


def launch(
    path: str,
    argv: Sequence[str],
    environ: Sequence[tuple[str, str]],
    folder: str,
    create: Create | None = None,
) -> int:
    """Start `path` detached in `folder` and return its pid; raise OSError where both attempts are refused."""
    create = create or _create
    flags = DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP | CREATE_UNICODE_ENVIRONMENT
    flags |= BELOW_NORMAL_PRIORITY_CLASS
    line = command_line(argv)
    try:
        return create(path, line, flags | CREATE_BREAKAWAY_FROM_JOB, dict(environ), folder)
    except OSError as error:
        if getattr(error, "winerror", None) != _ACCESS_DENIED:
            raise
    return create(path, line, flags, dict(environ), folder)


if sys.platform == "win32":
    import _winapi

    class _StartupInfo:
        dwFlags = 0  # noqa: N815  # the names that CreateProcess reads
        hStdInput = None  # noqa: N815
        hStdOutput = None  # noqa: N815
        hStdError = None  # noqa: N815
        wShowWindow = 0  # noqa: N815
        lpAttributeList = None  # noqa: N815

    def _create(path: str, line: str, flags: int, environ: dict[str, str], folder: str) -> int:
        process, thread, pid, _ = _winapi.CreateProcess(
            path, line, None, None, False, flags, environ, folder, _StartupInfo()
        )
        _winapi.CloseHandle(thread)
        _winapi.CloseHandle(process)
        return int(pid)

else:

    def _create(*_arguments: object) -> int:
        raise OSError("CreateProcess is a function of Windows")
