"""The kernel's log: whom it killed for want of memory, and who died by a fault that nobody handled. Linux.

/dev/kmsg is read where this user may (root; everybody where kernel.dmesg_restrict is 0), without blocking, each record
by one read: "priority,sequence,microseconds,flags;text". Else the system's journal is asked (journald.py). Times are
those since boot without sleep: the clock of the journals.

    Out of memory: Killed process 14764 (python3) total-vm:68992kB, anon-rss:58368kB, ...     mm/oom_kill.c
    Memory cgroup out of memory: Killed process 14764 (python3) ...
    python[12860]: segfault at 0 ip 0000... sp 0000... error 4 in libc.so.6[167ad8,7f...]      arch/x86/mm/fault.c
    traps: python[12860] trap invalid opcode ip:... sp:... error:0 in libfoo.so[...]           arch/x86/kernel/traps.c
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["KernelDeath", "kernel_deaths", "parse_kmsg", "read_kmsg"]

KMSG: Final = "/dev/kmsg"
_RECORD: Final = 8192
"""Bytes of the longest record; a shorter buffer is refused."""
_MOST: Final = 50_000
_SECONDS: Final = 2.0

_KILLED: Final = re.compile(
    r"^(?P<words>(?:Memory cgroup out of memory|Out of memory)[^:]{0,60}: Kill(?:ed)? process (?P<pid>\d{1,10}) "
    r"\((?P<name>.{0,64})\).*)$"
)
_FAULTED: Final = re.compile(
    r"^(?P<words>(?:traps: )?(?P<name>.{1,64}?)\[(?P<pid>\d{1,10})\]:? "
    r"(?P<what>segfault|general protection fault|trap (?:invalid opcode|divide error|int3|stack segment))\b.*?"
    r"(?: in (?P<module>[^\[\s][^\[]{0,255})\[(?P<at>[0-9a-f]{1,16})?.*)?)$"
)
_ANON: Final = re.compile(r"\banon-rss:(\d{1,15})kB")
_SIGNAL_OF: Final = {
    "segfault": "SIGSEGV",
    "general protection fault": "SIGSEGV",
    "trap invalid opcode": "SIGILL",
    "trap divide error": "SIGFPE",
    "trap int3": "SIGTRAP",
    "trap stack segment": "SIGBUS",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelDeath:
    """One process, or one thread (a fault is told of the thread), that the kernel has ended.

    seconds on the clock since boot; size is the memory that it held, in bytes, 0 where that is not told.
    """

    kind: Literal["out_of_memory", "fault"]
    pid: int
    name: str
    seconds: float
    words: str
    size: int = 0
    signal: str = ""
    module: str = ""


def kernel_deaths(lines: Iterable[tuple[float, str]]) -> list[KernelDeath]:
    """Return the deaths among (seconds, text) of the kernel's log.

    >>> [death] = kernel_deaths([(5.0, "Out of memory: Killed process 7 (maya.bin) anon-rss:2048kB, UID:1000")])
    >>> death.kind, death.pid, death.name, death.size
    ('out_of_memory', 7, 'maya.bin', 2097152)
    >>> kernel_deaths([(5.0, "render[9]: segfault at 0 ip 0 sp 0 error 4 in libai.so[1f3,7f00+10]")])[0].module
    'libai.so+0x1f3'
    """
    return [death for seconds, text in lines if (death := _death(seconds, text))]


def _death(seconds: float, text: str) -> KernelDeath | None:
    killed = _KILLED.match(text)
    if killed:
        anon = _ANON.search(text)
        return KernelDeath(
            kind="out_of_memory",
            pid=int(killed["pid"]),
            name=killed["name"],
            seconds=seconds,
            words=killed["words"],
            size=int(anon[1]) * 1024 if anon else 0,
        )
    fault = _FAULTED.match(text) if "[" in text else None
    if fault is None:
        return None
    module = (
        f"{fault['module']}+0x{fault['at']}" if fault["module"] and fault["at"] else fault["module"] or ""
    )
    return KernelDeath(
        kind="fault",
        pid=int(fault["pid"]),
        name=fault["name"],
        seconds=seconds,
        words=fault["words"],
        signal=_SIGNAL_OF.get(fault["what"], ""),
        module=module,
    )


def parse_kmsg(record: bytes) -> tuple[float, str] | None:
    r"""Return (seconds, text) of one record of /dev/kmsg, None where it is none.

    >>> parse_kmsg(b"4,1203,16059918601,-;Out of memory\n SUBSYSTEM=x\n")
    (16059.918601, 'Out of memory')
    """
    head, separator, text = record.partition(b";")
    fields = head.split(b",")
    if not separator or len(fields) < 3 or not fields[2].isdigit():  # noqa: PLR2004  # priority, sequence, time
        return None
    line = text.partition(b"\n")[0].decode("utf-8", "replace")
    return int(fields[2]) / 1e6, line


def read_kmsg(path: str = KMSG) -> Iterator[tuple[float, str]]:
    """Give what the kernel's log still holds, oldest first. Raises OSError where it may not be read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + _SECONDS
        for _ in range(_MOST):
            try:
                record = os.read(descriptor, _RECORD)
            except BlockingIOError:
                return  # the end, for now
            except BrokenPipeError:
                continue  # overwritten while it was read: the next read goes on with the oldest that is left
            if not record or time.monotonic() > deadline:
                return
            if found := parse_kmsg(record):
                yield found
    finally:
        os.close(descriptor)
