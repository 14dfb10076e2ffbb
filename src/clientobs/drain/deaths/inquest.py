"""The inquest into one death: what the system knows of it, asked in order of cost, each answer kept at once.

    parent            the exit status, where `clientobs run` is the parent and is about to write it
    kernel            the same, where it tells others than the parent (Linux 6.15)
    host's fault file where the host has faulthandler write to a file of its own
    kernel's log      who was killed for want of memory, who died by a fault that nobody handled
    system's journal  the same where that log is not to be read, and who was killed by systemd-oomd or earlyoom
    kernel's counts   where neither tells: a kill was counted while this process fell silent
    machine           how it went down, where it has started again since
    crash files       of hosts that leave some
    system's record   coredumpctl, Windows Event Log, DiagnosticReports: the module

What was found is redacted here: kernel and host wrote it, and it is about to be told.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._guarded import quiet
from clientobs._high import HighFile
from clientobs.drain.deaths import boots, coredump, journald, kernel, macos_reports, windows_events
from clientobs.drain.deaths.counts import NO_KILLS, Kills
from clientobs.drain.deaths.crash_files import find_crash_files
from clientobs.drain.deaths.fault_text import fatal_in, signal_of, stacks_in
from clientobs.drain.deaths.findings import Findings, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from clientobs.drain.deaths.exit_handle import ExitHandle
    from clientobs.drain.deaths.kernel import KernelDeath
    from clientobs.drain.deaths.records import SystemRecord
    from clientobs.journal.records import Header

__all__ = ["Death", "Inquest", "Sources"]

_EARLIER: Final = 5.0
_LATER: Final = 180.0
"""Seconds around the last record in which the kernel's word is taken to be of this process, not of one with its pid."""
_PARENT: Final = 2.0
_POLL: Final = 0.02
_MOST_STACKS: Final = 32_768
_MOST_FAULT: Final = 64 << 10
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_COMM: Final = 15
"""Bytes of a process's name that the kernel keeps."""
_MUCH: Final = 0.25
"""Share of the memory there is that a process must have held, to be told as the victim of a kill that names nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """What is known of a death when it is looked into.

    last_mono     when it is known to have lived last, on its own clock: its last record, sample, or word of fault
    last_seconds  the same on the wall clock
    faulted       there is a fatal error in fault.txt
    silent        it ended without a word, in the middle of its work, and would have left one had it been able to
    memory        samples while it lived; kills: what was counted since it was last seen alive
    living        it is not dead yet: a dialog of its crash reporter holds it
    program       the executable by its own account; comm: the kernel's name for it, where it was seen alive
    group         its cgroup by its own account
    supervised    a parent that sees its exit status is about to leave it in the run's folder
    handle        a hold on the process, taken while it lived
    fault_file    where the host had faulthandler write to, its size when that was seen, and since when on the wall
                  clock a fault there is the one it died of: it has lived until then
    """

    header: Header
    last_mono: int
    last_seconds: float
    rebooted: bool = False
    faulted: bool = False
    silent: bool = False
    memory: tuple[Sample, ...] = ()
    kills: Kills = NO_KILLS
    living: bool = False
    program: str = ""
    comm: str = ""
    group: str = ""
    supervised: bool = False
    handle: ExitHandle | None = None
    fault_file: tuple[str, int, float] = ("", 0, 0.0)

    @property
    def programs(self) -> tuple[str, ...]:
        """Names that the program may go by: an embedded Python takes itself for a python (Blender's sys.executable)."""
        resource: Mapping[str, Any] = self.header.resource
        names = [
            resource.get(semconv.DCC_NAME),
            resource.get(semconv.PROCESS_EXECUTABLE_NAME),
            resource.get(semconv.PROCESS_EXECUTABLE_PATH),
            self.program,
            self.comm,
        ]
        bases = [str(name).replace("\\", "/").rpartition("/")[2].lower() for name in names if name]
        return tuple(dict.fromkeys(bases))


def _memory_there_is() -> int:
    import psutil  # noqa: PLC0415  # loaded by the drain's vitals

    return int(psutil.virtual_memory().total)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where an inquest looks; a test gives its own."""

    kmsg: str = kernel.KMSG
    journalctl: tuple[str, ...] = ()
    wtmp: str = boots.WTMP
    coredumpctl: str | None = None
    core_pattern: str = "/proc/sys/kernel/core_pattern"
    patience: float = 5.0
    memory: Callable[[], int] = _memory_there_is


class Inquest:
    """One inquest. `findings` is complete after `run`, and at any time before holds what was found so far."""

    def __init__(
        self,
        death: Death,
        *,
        clean: Callable[[str], str],
        environ: Mapping[str, str],
        sources: Sources,
        exit_status: str = "",
    ) -> None:
        self.findings = Findings(rebooted=death.rebooted, memory=death.memory)
        self._death = death
        self._clean = clean
        self._environ = environ
        self._sources = sources
        self._exit_status = exit_status
        self._others = False
        """Whether another process was killed for memory at that time: then the kernel's counts say nothing of this."""

    def run(self) -> None:
        """Ask everybody; one who fails keeps nobody from being asked."""
        steps = (
            self._await_parent,
            self._ask_status,
            self._read_fault_file,
            self._ask_kernel,
            self._ask_journal,
            self._ask_counts,
            self._ask_machine,
            self._ask_files,
            self._ask_system,
        )
        for step in steps:
            with quiet(f"inquest.{step.__name__.removeprefix('_')}"):
                step()

    def _found(self, **values: Any) -> None:
        self.findings = replace(self.findings, **values)

    def _await_parent(self) -> None:
        """Wait for the exit status, which is evidence of its own: read when the findings are there."""
        deadline = time.monotonic() + _PARENT
        while self._death.supervised and not os.path.exists(self._exit_status):
            if time.monotonic() >= deadline:
                return
            time.sleep(_POLL)

    def _ask_status(self) -> None:
        death = self._death
        if death.handle is not None and not death.rebooted and not death.living:
            self._found(exit_status=death.handle.status())

    def _read_fault_file(self) -> None:
        path, size, since = self._death.fault_file
        if not path or self._death.faulted:
            return
        text = _tail_of(path, size, since)
        fatal = fatal_in(text)
        if fatal:
            self._found(
                crash=signal_of(fatal) or self._clean(fatal),
                source="the host's own fault file",
                stacks=self._clean(stacks_in(text))[:_MOST_STACKS],
                files=(self._clean(path),),
            )

    def _ask_kernel(self) -> None:
        death = self._death
        if sys.platform != "linux" or death.rebooted or death.living:
            return
        try:
            self._take(kernel.kernel_deaths(kernel.read_kmsg(self._sources.kmsg)))
        except OSError:
            return  # the system's journal may still tell

    def _ask_journal(self) -> None:
        """Ask where nothing explains the death so far; of an earlier boot of the machine too."""
        death, found = self._death, self.findings
        if sys.platform != "linux" or death.living or death.faulted or found.out_of_memory or found.crash:
            return
        told = journald.tell(
            death.last_seconds - _EARLIER,
            death.last_seconds + _LATER,
            boot_id=death.header.boot_id,
            program=self._sources.journalctl,
        )
        self._take(told.deaths)
        for kill in told.kills:
            if self._is_then(kill.seconds) and (
                kill.pid == death.header.pid or _is_within(death.group, kill.group)
            ):
                memory = self._up_to(kill.seconds, kill.size)
                self._found(out_of_memory=f"{kill.by}: {self._clean(kill.words)}", memory=memory)

    def _take(self, deaths: Sequence[KernelDeath]) -> None:
        for one in deaths:
            if not self._is_own(one):
                self._others |= one.kind == "out_of_memory" and self._is_then(one.seconds)
            elif one.kind == "out_of_memory":
                memory = self._up_to(one.seconds, one.size)
                self._found(out_of_memory=f"the kernel: {self._clean(one.words)}", memory=memory)
            elif not self._death.faulted:
                self._found(crash=one.signal, module=self._clean(one.module), source="the kernel's log")

    def _up_to(self, seconds: float, size: int) -> tuple[Sample, ...]:
        """Return the samples with what its killer says that the process held when it was killed."""
        memory = self._death.memory
        if size <= (memory[-1].size if memory else 0):
            return memory
        return (*memory, Sample(int(seconds * 1e9), size))

    def _ask_counts(self) -> None:
        """Believe the counts only of a process that fell silent, and that is known to have filled its bounds."""
        death = self._death
        if sys.platform != "linux" or death.rebooted or death.living:
            return
        if self._others or self.findings.out_of_memory or self.findings.crash:
            return
        if not death.silent or not (death.kills.machine > 0 or death.kills.group > 0):
            return
        if death.kills.group > 0:
            self._found(out_of_memory="the kernel has killed in its memory cgroup at that moment")
        elif death.memory and death.memory[-1].size > self._sources.memory() * _MUCH:
            self._found(out_of_memory="the kernel has killed a process for memory at that moment")

    def _is_own(self, one: KernelDeath) -> bool:
        """Say whether a death that the kernel tells of is this one: pids come again, later."""
        if one.pid != self._death.header.pid or one.seconds < self._death.last_mono / 1e9 - _EARLIER:
            return False
        return self._is_then(one.seconds) or one.name.lower() in {
            name[:_COMM] for name in self._death.programs
        }

    def _is_then(self, seconds: float) -> bool:
        last = self._death.last_mono / 1e9
        return last - _EARLIER <= seconds <= last + _LATER

    def _ask_machine(self) -> None:
        if self._death.rebooted and sys.platform == "linux":
            self._found(
                machine=boots.machine_end(boots.read_boots(self._sources.wtmp), self._death.last_seconds)
            )

    def _ask_files(self) -> None:
        if not self.findings.out_of_memory:
            found = find_crash_files(self._death.programs, self._death.last_seconds, self._environ)
            self._found(files=(*self.findings.files, *(self._clean(path) for path in found)))

    def _ask_system(self) -> None:
        death = self._death
        if death.rebooted or death.living or self.findings.out_of_memory:
            return
        record = self._record()
        if record is None:
            return
        self._found(source=record.source, module=self._clean(record.module) or self.findings.module)
        if record.hang:
            self._found(hang=f"{record.source}: it did not answer and was closed")
        else:
            self._found(crash=record.name or self.findings.crash)
        if record.path:
            self._found(files=(*self.findings.files, self._clean(record.path)))

    def _record(self) -> SystemRecord | None:
        pid, last = self._death.header.pid, self._death.last_seconds
        if sys.platform == "win32":
            return windows_events.ask_wevtutil(pid, max(0.0, time.time() - last) + _EARLIER)
        if sys.platform == "darwin":
            return macos_reports.find_report(pid, last)
        if not coredump.dumps_to_systemd(self._sources.core_pattern):
            return None
        # One that only fell silent was most likely killed: it is asked, and not waited for.
        patience = self._sources.patience if self._death.faulted or self.findings.crash else 0.0
        return coredump.ask_coredumpctl(pid, program=self._sources.coredumpctl, patience=patience)


def _is_within(group: str, killed: str) -> bool:
    """Say whether a cgroup is one that was killed, or lies in it; the root is no answer (containers see only that)."""
    return len(killed) > 1 and f"{group}/".startswith(f"{killed}/")


def _tail_of(path: str, size: int, since: float) -> str:
    """Return what was written to a file behind `size`, "" where nothing was since then."""
    try:
        with HighFile(path, _FLAGS, slow=True) as descriptor:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_mtime < since:
                return ""
            os.lseek(descriptor, size if found.st_size >= size else 0, os.SEEK_SET)
            return os.read(descriptor, _MOST_FAULT).decode("utf-8", "replace")
    except OSError:
        return ""
