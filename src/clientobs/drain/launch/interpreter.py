"""Find interpreters that may run the drain: never the host itself, never one that takes a licence.

In a DCC, `sys.executable` is maya.bin or UnrealEditor.exe, and starting it opens an application; hython and
`nuke -t` take a licence from the studio's pool. So a candidate is judged by its name and by its target's
name, before anything is started: only what is called like a plain interpreter (python, python3.11,
pythonw.exe) passes. Scripts called so (shims, wrappers) are refused too, for nobody knows what they start,
unless the configuration names one.

No candidate is started to see what it is: a host would notice that child. The launch is the probe:
`start.py` looks whether its interpreter is new enough and can import what the drain needs. If not, it goes on
with the next candidate. The one that worked is written down, and tried first the next time.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from clientobs._dataclass import dataclass
from clientobs._own_file import read_file, write_file
from clientobs._patterns import pattern

__all__ = [
    "MEMORY",
    "Candidates",
    "Surroundings",
    "find_candidates",
    "judge",
    "named_like_python",
    "proven",
    "remember",
]

_PYTHON: Final = pattern(r"pythonw?(\d+(\.\d+)?)?t?(\.exe)?", re.IGNORECASE)
_HOSTS: Final = pattern(
    r"(hython|mayapy|maya|nuke|houdini|hbatch|blender|3dsmax|unreal|katana|clarisse|motionbuilder|mobu|gaffer)",
    re.IGNORECASE,
)
MEMORY: Final = "interpreter.known"
_MAX_CANDIDATES: Final = 8
_MAX_BYTES: Final = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is known of this process and machine; `here` fills it in."""

    executable: str | None
    base_executable: str | None
    prefixes: tuple[str, ...]
    version: tuple[int, int]
    path: str
    platform: str

    @classmethod
    def here(cls, path: str) -> Surroundings:
        """Describe this process; `path` is the search path of its environment."""
        prefixes = (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)
        return cls(
            executable=sys.executable,
            base_executable=getattr(sys, "_base_executable", None),
            prefixes=tuple(dict.fromkeys(prefix for prefix in prefixes if prefix)),
            version=sys.version_info[:2],
            path=path,
            platform=sys.platform,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Interpreters in the order in which they are tried, and why each other one was refused."""

    accepted: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]


def find_candidates(
    configured: str | None,
    surroundings: Surroundings,
    *,
    is_network: Callable[[str], bool],
    first: str | None = None,
) -> Candidates:
    """List the interpreters that may be tried, without starting any.

    `configured` comes first, then `first` (the one that worked before), then those on local disk before
    those on network storage. Duplicates (links to one file in one folder) are tried once.
    """
    accepted: dict[str, str] = {}
    refused: dict[str, str] = {}
    for path in _places(configured, surroundings):
        if path in refused or path in accepted:
            continue
        target = os.path.realpath(path)  # once: it asks the disk for each part of the path
        reason = _judge(path, target, configured=path == configured, platform=surroundings.platform)
        if reason:
            refused[path] = reason
        else:
            accepted[path] = os.path.normcase(target)
    order = sorted(accepted, key=lambda path: (path != configured, path != first, is_network(path)))
    # A venv's python is a link to the one that it was made from, but another interpreter: its folder counts.
    unique = {(accepted[path], os.path.dirname(path)): path for path in reversed(order)}
    chosen = [path for path in order if path in unique.values()]
    return Candidates(accepted=tuple(chosen[:_MAX_CANDIDATES]), refused=tuple(refused.items()))


def _places(configured: str | None, surroundings: Surroundings) -> Iterator[str]:
    if configured:
        yield configured
    for executable in (surroundings.executable, surroundings.base_executable):
        if executable:
            yield executable
    major, minor = surroundings.version
    if surroundings.platform == "win32":
        for prefix in surroundings.prefixes:
            yield os.path.join(prefix, "python.exe")
            yield os.path.join(prefix, "Scripts", "python.exe")
        names: Sequence[str] = ("python.exe",)
    else:
        names = (f"python{major}.{minor}", "python3", "python")
        for prefix in surroundings.prefixes:
            yield from (os.path.join(prefix, "bin", name) for name in names[:2])
    folders = [folder for folder in surroundings.path.split(os.pathsep) if os.path.isabs(folder)]
    if surroundings.platform != "win32":  # an application started from a desktop has a poor PATH
        folders += ["/usr/local/bin", "/opt/homebrew/bin", "/usr/bin"]
    for name in names:
        yield from (found for folder in folders if os.path.lexists(found := os.path.join(folder, name)))


def named_like_python(path: str) -> bool:
    """Say whether a program and what it links to are called like a plain interpreter.

    >>> named_like_python("/opt/hfs20.5/bin/hython")
    False
    """
    names = (os.path.basename(path), os.path.basename(os.path.realpath(path)))
    return all(_PYTHON.fullmatch(name) for name in names)


def judge(path: str, *, configured: bool = False, platform: str = sys.platform) -> str | None:
    """Say why `path` must not run the drain, or None where it may. Reads names and two bytes; starts nothing.

    >>> judge("/opt/hfs20.5/bin/hython")
    'hython belongs to a host application: it would open it or take a licence'
    """
    return _judge(path, os.path.realpath(path), configured=configured, platform=platform)


def _judge(path: str, target: str, *, configured: bool, platform: str) -> str | None:
    for name in (os.path.basename(path), os.path.basename(target)):
        if _HOSTS.match(name):
            return f"{name} belongs to a host application: it would open it or take a licence"
        if not configured and not _PYTHON.fullmatch(name):
            return f"{name} is not called like a Python interpreter"
    if not os.path.isabs(path):
        return "not an absolute path"
    if platform == "darwin" and path.startswith("/usr/bin/"):
        return "macOS: this is Apple's Python 3.9, or an offer to install it"
    if platform == "win32" and "\\windowsapps\\" in path.lower():
        return "Windows: an alias that may open the Store"
    return _judge_file(target, configured=configured)


def _judge_file(target: str, *, configured: bool) -> str | None:
    try:
        found = os.stat(target)
        if not stat.S_ISREG(found.st_mode) or not os.access(target, os.X_OK):
            return "not an executable file"
        if os.name == "posix" and found.st_mode & stat.S_IWOTH:
            return "everybody may write to it"
        if read_file(target, 2, slow=True) == b"#!" and not configured:
            return "a script: what it starts can't be told (name it in the configuration to allow it)"
    except FileNotFoundError:
        return "does not exist"
    except OSError as error:
        return f"can't be read: {error.strerror}"
    return None


def proven(home: str, version: str) -> str | None:
    """Return the interpreter that ran this version's drain before, if it is still the same file."""
    try:
        facts = json.loads(read_file(os.path.join(home, "drain", MEMORY), _MAX_BYTES))
        path = str(facts["path"])
        same = facts["version"] == version and facts["identity"] == _identity(path)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return path if same else None


def remember(home: str, version: str, path: str, refused: Sequence[tuple[str, str]] = ()) -> None:
    """Write down that `path` ran the drain, and which candidates proved unfit before it. Raises OSError."""
    facts = {
        "version": version,
        "path": path,
        "identity": _identity(path),
        "unfit": [list(each) for each in refused],
    }
    write_file(os.path.join(home, "drain", MEMORY), json.dumps(facts).encode("ascii"))


def _identity(path: str) -> list[int]:
    found = os.stat(path)
    return [found.st_size, found.st_mtime_ns]
