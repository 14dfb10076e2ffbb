"""The system's journal: the kernel's words where /dev/kmsg may not be read, and those who kill outside of the kernel.

`journalctl --output=json` prints one object a line; members of the groups adm and systemd-journal may ask it for all of
the system. It is asked when nothing else explains a death, off the drain's own loop, for the minutes around it, within
bounds of time and of lines. Other than the kernel's buffer it still knows what was before the machine started anew.

    sending SIGKILL to process 3887 uid 1009 "java": badness 67, VmRSS 4352 MiB      earlyoom 1.4 to 1.7
    sending SIGTERM to process 7 uid 9 "tail": oom_score 1000, VmRSS 4321 MiB, ...   earlyoom 1.8
    Killed /user.slice/.../app-maya.scope due to memory pressure for ...             systemd-oomd: a whole cgroup
    Marked /user.slice/.../app-maya.scope for killing due to memory used ...         systemd-oomd from 258 on
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from clientobs.drain.deaths.kernel import KernelDeath, kernel_deaths
from clientobs.drain.deaths.programs import ask_program, find_program

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Kill", "Told", "ask_journalctl", "parse_journal", "tell"]

_LONGEST: Final = 3.0
_MOST_LINES: Final = 5_000
_MAX_BYTES: Final = 8 << 20
_KERNEL: Final = "kernel"
_EARLYOOM: Final = "earlyoom"
_OOMD: Final = "systemd-oomd"
_ASKED: Final = ("_TRANSPORT=kernel", "+", f"_COMM={_OOMD}", "+", f"_COMM={_EARLYOOM}")
_FIELDS: Final = "MESSAGE,_TRANSPORT,_COMM"

_BY_EARLYOOM: Final = re.compile(
    r"^sending SIG(?:TERM|KILL) to process (?P<pid>\d{1,10}) (?:uid \d{1,10} )?\"(?P<name>.{0,64}?)\": "
    r".{0,80}?\bVmRSS (?P<size>\d{1,10}) MiB"
)
_BY_OOMD: Final = re.compile(r"^(?:Killed|Marked) (?P<group>/.{1,1000}?) (?:for killing )?due to memory ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One kill from outside of the kernel: of the process `pid`, or of all in the cgroup `group`.

    seconds on the clock since boot; size is the memory that the process held, in bytes, 0 where it is not told.
    """

    by: str
    seconds: float
    words: str
    pid: int = 0
    group: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the system's journal tells of the minutes around a death."""

    deaths: tuple[KernelDeath, ...] = ()
    kills: tuple[Kill, ...] = ()


def tell(
    since: float, until: float, *, boot_id: str, program: Sequence[str] = (), longest: float = _LONGEST
) -> Told:
    """Ask for what lies between two times of the wall clock, of that boot of the machine."""
    return parse_journal(ask_journalctl(since, until, program=program, longest=longest), boot_id=boot_id)


def ask_journalctl(
    since: float, until: float, *, program: Sequence[str] = (), longest: float = _LONGEST
) -> str:
    """Return what journalctl prints, "" where there is none, or it may not be asked, or doesn't answer."""
    found = find_program("journalctl")
    command = list(program) or ([found] if found else [])
    if not command:
        return ""
    command += ["--no-pager", "--quiet", "--output=json", f"--output-fields={_FIELDS}"]
    command += [f"--since=@{int(since)}", f"--until=@{int(until) + 1}", f"--lines={_MOST_LINES}", *_ASKED]
    return ask_program(command, longest=longest, most=_MAX_BYTES)


def parse_journal(text: str, *, boot_id: str) -> Told:
    r"""Return the deaths and kills of one boot in what journalctl printed; a line that is none is left out.

    >>> line = '{"_BOOT_ID": "ab", "__MONOTONIC_TIMESTAMP": "5000000", "_COMM": "earlyoom", "MESSAGE": '
    >>> line += '"sending SIGTERM to process 7 uid 9 \\"nuke\\": badness 67, VmRSS 4 MiB"}'
    >>> parse_journal(line, boot_id="a-b").kills[0].pid
    7
    """
    wanted = boot_id.replace("-", "").lower()
    kernel: list[tuple[float, str]] = []
    kills: list[Kill] = []
    for seconds, source, message in _entries(text.splitlines(), wanted):
        if source == _KERNEL:
            kernel.append((seconds, message))
        elif kill := _kill(seconds, source, message):
            kills.append(kill)
    return Told(deaths=tuple(kernel_deaths(kernel)), kills=tuple(kills))


def _entries(lines: Iterable[str], boot_id: str) -> Iterable[tuple[float, str, str]]:
    for line in lines:
        try:
            entry: Any = json.loads(line)
            seconds = int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6
            source = _KERNEL if entry.get("_TRANSPORT") == _KERNEL else str(entry.get("_COMM"))
            message = _text(entry["MESSAGE"])
            own = not boot_id or str(entry.get("_BOOT_ID")).lower() == boot_id
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
        if own:
            yield seconds, source, message


def _text(message: Any) -> str:
    """Return a message; one that is no text comes as a list of its bytes."""
    if isinstance(message, list):
        return bytes(message).decode("utf-8", "replace")
    return str(message)


def _kill(seconds: float, source: str, message: str) -> Kill | None:
    if source == _EARLYOOM and (match := _BY_EARLYOOM.match(message)):
        return Kill(
            by=source, seconds=seconds, words=message, pid=int(match["pid"]), size=int(match["size"]) << 20
        )
    if source == _OOMD and (match := _BY_OOMD.match(message)):
        return Kill(by=source, seconds=seconds, words=message, group=match["group"])
    return None
