"""Why a program could not be started, in words: the system's own answer is one for many reasons.

"No such file or directory" is said of a script that is there, if the interpreter on its first line is not; of a
binary whose loader is missing; of a working directory. "Permission denied" is a mode, or a mount. The first bytes of
the file tell which. They are read once, after the launch has failed: the system has just looked at them itself.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._high import HighFile
from clientobs.instruments.processes.command import text_of

if TYPE_CHECKING:
    from clientobs.instruments.processes.child import Child

__all__ = ["code_hint", "reason_of", "searched"]

_HEAD: Final = 4_096
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""A pipe in the program's place is not waited for."""
_MOST_FOLDERS: Final = 64
_ELF: Final = b"\x7fELF"
_NO_EXEC: Final = getattr(os, "ST_NOEXEC", 0)
_HINTS: Final = {
    126: "found, but not to be executed",
    127: "not found: the program, or a shared library that it needs",
}
"""What a shell, `env` and the system's loader mean by these codes."""


class _Head:
    """The first bytes of a program, its mode, and whether its storage lets anything be executed."""

    __slots__ = ("executes", "mode", "owner", "start")

    def __init__(self, path: str) -> None:
        with HighFile(path, _FLAGS, slow=True) as descriptor:
            found = os.fstat(descriptor)
            self.mode, self.owner = found.st_mode, found.st_uid
            self.executes = True
            if _NO_EXEC and hasattr(os, "fstatvfs"):
                self.executes = not os.fstatvfs(descriptor).f_flag & _NO_EXEC
            self.start = os.read(descriptor, _HEAD)


def reason_of(child: Child, error: OSError, facts: dict[str, Any]) -> str:
    """Return why a launch failed; what was found out on the way goes into `facts`."""
    executable = child.command.executable
    folder = child.folder
    if folder and error.filename is not None and text_of(error.filename) == folder != executable:
        return _of_folder(folder, error)
    if isinstance(error, FileNotFoundError) and not os.path.dirname(executable):
        return _not_on_path(child, facts)
    head = _head_of(executable) if os.path.dirname(executable) else None
    if isinstance(error, FileNotFoundError):
        return f"{executable} is not there" if head is None else _lacks(executable, head, facts)
    if head is not None and isinstance(error, PermissionError):
        return _refused(executable, head, facts)
    if head is not None and error.errno == errno.ENOEXEC:
        return _no_program(executable, head)
    return _text_of(error)


def searched(child: Child) -> str:
    """Return the PATH on which the child's program was searched."""
    path = child.search_path
    return path if path is not None else os.environ.get("PATH", os.defpath)


def code_hint(code: int) -> str:
    """Return what an exit code means by itself, "" for most.

    >>> code_hint(127)
    ' (not found: the program, or a shared library that it needs)'
    """
    hint = _HINTS.get(code)
    return f" ({hint})" if hint else ""


def _of_folder(folder: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"its working directory {folder} is not there"
    return f"its working directory {folder}: {error.strerror}"


def _not_on_path(child: Child, facts: dict[str, Any]) -> str:
    facts[semconv.PROCESS_SEARCH_PATH] = path = searched(child)
    # The system goes on to the next folder where a script's interpreter is missing, and says the same in the end.
    for folder in path.split(os.pathsep)[:_MOST_FOLDERS]:
        found = os.path.join(folder, child.command.executable)
        head = _head_of(found) if folder else None
        if head is not None and _interpreter(head.start):
            return _lacks(found, head, facts)
    return f"it is not on PATH ({path})"


def _lacks(path: str, head: _Head, facts: dict[str, Any]) -> str:
    """Say what a file lacks that is there and can't be found."""
    interpreter = _interpreter(head.start)
    if not interpreter:
        return f"{path} is there, and something that it needs to start is not"
    facts[semconv.PROCESS_INTERPRETER] = interpreter
    tail = " (the line ends in \\r, as on Windows)" if interpreter.endswith("\r") else ""
    return f"{path} is there, but {interpreter.rstrip()}, which is to run it, is not{tail}"


def _refused(path: str, head: _Head, facts: dict[str, Any]) -> str:
    mode = f"{head.mode & 0o7777:04o}"
    facts[semconv.FILE_MODE], facts[semconv.FILE_OWNER] = mode, head.owner
    if not head.mode & 0o111:
        return f"{path} is not executable (mode {mode})"
    if not head.executes:
        return f"{path} is on storage that is mounted noexec"
    return f"permission denied: {path} (mode {mode}, owner {head.owner})"


def _no_program(path: str, head: _Head) -> str:
    if not head.start:
        return f"{path} is empty"
    if head.start.startswith(_ELF):
        return f"{path} is a program for another kind of machine, or damaged"
    return f"{path} is no program that this system can execute (a script needs a first line with #!)"


def _head_of(path: str) -> _Head | None:
    try:
        return _Head(path)
    except (OSError, ValueError):  # not there, not to be read, no file, a NUL in its name
        return None


def _interpreter(start: bytes) -> str:
    r"""Return what is to run a file: the program on a script's first line, the loader that an ELF binary names.

    >>> _interpreter(b"#!/studio/python39/bin/python -E\\n")
    '/studio/python39/bin/python'
    """
    if start.startswith(b"#!"):
        line = start[2:].partition(b"\n")[0].strip(b" \t")
        return os.fsdecode(line.partition(b" ")[0].partition(b"\t")[0])
    if start.startswith(_ELF):
        found = start.find(b"/ld-")
        begin = start.rfind(b"\0", 0, found) + 1 if found > 0 else 0
        loader, end, _ = start[begin:].partition(b"\0")
        return os.fsdecode(loader) if begin and end and loader.startswith(b"/") else ""
    return ""


def _text_of(error: BaseException) -> str:
    try:
        return str(error)[:300]
    except Exception:  # noqa: BLE001  # foreign __str__
        return type(error).__name__
