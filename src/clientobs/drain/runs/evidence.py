"""How a run ended, told from what is known for certain.

    exited     a clean close in its journal, or an exit status of its own choosing
    crashed    positive evidence only: a fatal error in fault.txt, a fatal signal or exception as exit status
    abnormal   ended from outside: killed, for want of memory, or with a machine that restarted or lost power
    hung       the system has ended it because it did not answer
    unknown    none of these can be shown

A false crash is worse than a missing one: an artist's clean quit that is counted as a crash of the studio's
plug-in sends people after nothing. Hence a clean close outweighs every trace of trouble before it, and a
traceback alone proves nothing: on Windows faulthandler also writes for exceptions that are handled later.

`<run>/fault.txt` is faulthandler's file; `<run>/exit-status` holds the number that a parent of ours saw
(`clientobs run`), as subprocess.Popen.returncode gives it.
"""

from __future__ import annotations

import json
import os
import re
import signal
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from clientobs._beat import read_beat
from clientobs._own_file import text_of
from clientobs.drain.deaths.fault_text import fatal_in, stacks_in
from clientobs.drain.deaths.findings import EXIT_STATUS_FILE, NOTHING_FOUND, Findings
from clientobs.drain.deaths.records import exception_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs._beat import Beat
    from clientobs.semconv import SessionStatus

__all__ = [
    "FAULT_FILE",
    "HANGS_FILE",
    "Ending",
    "Evidence",
    "Watched",
    "judge",
    "name_of_status",
    "read_evidence",
    "with_findings",
    "would_have_left_a_word",
]

FAULT_FILE: Final = "fault.txt"
MARK_FILE: Final = "running"
HANGS_FILE: Final = "hangs"
"""What a drain has told of hangs while the process lived: JSON lines of drain/hangs/watch.py."""

_MAX_BYTES: Final = 64 << 10
_FATAL_SIGNALS: Final = frozenset({"SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGSYS", "SIGTRAP"})
_WINDOWS_FATAL: Final = 0xC0000000  # NTSTATUS of severity "error": access violation, stack overflow ...
_WINDOWS_CTRL_C: Final = 0xC000013A


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a death from outside the journal.

    fatal        the fatal error in fault.txt, "" where there is none
    stacks       what else faulthandler wrote there: the Python stacks of all threads
    exit_status  as subprocess gives it (negative: by a signal), None where no parent saw it
    closed       whether the run's lock bears the mark of a clean close
    marked       whether the mark still stands that exit() in C takes away (guard/exit_mark.py)
    found        what an inquest has found outside of the run's folder (deaths/)
    fault_file   whether fault.txt is there, for a fault to be written to; somebody may have cleaned up
    fault_seconds  when fault.txt was written last, on the wall clock; 0 where it is not there
    hung_since_ns  since when it had not answered when it was seen last, 0 where it did
    beat         what its watch over hangs wrote last, None where there was none
    silent_since_ns  since when its interface had not answered, short of a hang; 0 where it had
    silent_ns    for how long, at least
    """

    fatal: str = ""
    stacks: str = ""
    exit_status: int | None = None
    closed: bool = False
    marked: bool = False
    found: Findings = NOTHING_FOUND
    fault_seconds: float = 0.0
    fault_file: bool = True
    hung_since_ns: int = 0
    beat: Beat | None = None
    silent_since_ns: int = 0
    silent_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What the process itself had prepared for its death, by its note "watched"; and whether it was at work.

    faults  a fatal signal would have left its text in fault.txt
    exits   exit() in C would have taken the mark away
    busy    spans were open when the last record was made, or its event loop was running
    file    where the host had faulthandler write to instead, and its size by then
    program  base name of its executable
    group    path of its cgroup
    supervised  its parent is a `clientobs run` that writes its exit status when it has ended
    """

    faults: bool = False
    exits: bool = False
    busy: bool = False
    program: str = ""
    group: str = ""
    supervised: bool = False
    file: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A verdict, the kind of end in one word, and in a few words what it rests on."""

    status: SessionStatus
    evidence: str
    kind: str = ""


_NO_WORD: Final = (
    "no exit and no word of a fault, in the middle of its work: killed, or by a fault without a trace"
)
_MACHINE_ENDS: Final = {
    "": Ending(status="abnormal", evidence="the machine has restarted since", kind="machine_down"),
    "rebooted": Ending(
        status="abnormal", evidence="the machine was shut down in good order since", kind="rebooted"
    ),
    "power_loss": Ending(
        status="abnormal",
        evidence="the machine has restarted without a shutdown before it",
        kind="power_loss",
    ),
}


def judge(evidence: Evidence, closed: str | None, watched: Watched = Watched()) -> Ending:  # frozen
    """Return how a dead run ended; `closed` is the detail of its clean close, None where there is none.

    >>> judge(Evidence(fatal="Segmentation fault"), closed=None).status
    'crashed'
    >>> judge(Evidence(fatal="Segmentation fault"), closed="os._exit").status
    'exited'
    >>> judge(Evidence(marked=True), None, Watched(faults=True, exits=True, busy=True)).kind
    'killed'
    """
    if closed is not None or evidence.closed:
        how = f"clean close: {closed}" if closed else "clean close"
        is_quick = (closed or "").partition(" ")[0] == "os._exit"
        return Ending(status="exited", evidence=how, kind="os._exit" if is_quick else "exited")
    if evidence.fatal:
        return Ending(status="crashed", evidence=f"fatal error: {evidence.fatal}", kind="crashed")
    return _judge_findings(evidence, watched) or _judge_silence(evidence, watched)


def _judge_findings(evidence: Evidence, watched: Watched) -> Ending | None:
    found = evidence.found
    if found.out_of_memory:
        return Ending(status="abnormal", evidence=found.out_of_memory, kind="out_of_memory")
    if found.crash:
        return Ending(status="crashed", evidence=f"{found.source}: {found.crash}", kind="crashed")
    if evidence.hung_since_ns and not _has_left(evidence, watched):
        return Ending(status="hung", evidence="it did not answer any more", kind="hang_killed")
    if evidence.exit_status is not None:
        return _judge_status(evidence.exit_status)
    if found.hang:
        return Ending(status="hung", evidence=found.hang, kind="hang_killed")
    return _MACHINE_ENDS[found.machine] if found.rebooted else None


def _has_left(evidence: Evidence, watched: Watched) -> bool:
    """Say whether a process that hung has ended by itself all the same, or with the machine."""
    if evidence.exit_status is not None:
        return _judge_status(evidence.exit_status).kind != "killed"
    return evidence.found.rebooted or (watched.exits and not evidence.marked)


def _judge_silence(evidence: Evidence, watched: Watched) -> Ending:
    """Judge a process that ended without a word, by what would have been left of the other ways to end.

    A signal that can't be caught is what remains. But a host may also quit by `_exit()` in C, which leaves
    nothing either: that one is not in the middle of its work.
    """
    if watched.exits and not evidence.marked:
        return Ending(status="exited", evidence="it called exit() without ending its Python", kind="exited")
    if would_have_left_a_word(evidence, watched) and watched.busy:
        return Ending(status="abnormal", evidence=_NO_WORD, kind="killed")
    return Ending(status="unknown", evidence="no clean close and no trace of a crash", kind="unknown")


def would_have_left_a_word(evidence: Evidence, watched: Watched) -> bool:
    """Say whether a process ended silently though an exit and a fault would both have been seen."""
    looked = watched.faults and evidence.fault_file and watched.exits
    return looked and evidence.marked and not evidence.fatal


def _judge_status(status: int) -> Ending:
    if status < 0:
        name = _signal_name(-status)
        if name in _FATAL_SIGNALS:
            return Ending(status="crashed", evidence=f"ended by {name}", kind="crashed")
        return Ending(status="abnormal", evidence=f"ended by {name}", kind="killed")
    if status >= _WINDOWS_FATAL and status != _WINDOWS_CTRL_C:
        return Ending(status="crashed", evidence=f"exit status 0x{status:08X}", kind="crashed")
    if status == _WINDOWS_CTRL_C:
        return Ending(status="abnormal", evidence="ended by Ctrl-C", kind="killed")
    return Ending(status="exited", evidence=f"exit status {status}", kind="exited")


def name_of_status(status: int | None) -> str:
    """Return the signal or exception by which a process crashed, "" where its exit status is none of these.

    >>> name_of_status(-6), name_of_status(0xC0000005), name_of_status(1), name_of_status(None)
    ('SIGABRT', 'EXCEPTION_ACCESS_VIOLATION', '', '')
    """
    if status is None or _judge_status(status).kind != "crashed":
        return ""
    return _signal_name(-status) if status < 0 else exception_name(status)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def read_evidence(
    run_folder: str,
    *,
    found: Findings = NOTHING_FOUND,
    closed: bool = False,
    clean: Callable[[str], str] = str,
) -> Evidence:
    """Return what a run's folder tells of its death, and beside it what was found elsewhere.

    Unreadable files tell nothing. `clean` is the redactor's: faulthandler writes paths and names as they are.
    """
    path = os.path.join(run_folder, FAULT_FILE)
    text = _read_text(path)
    fatal = fatal_in(text)
    status = _read_text(os.path.join(run_folder, EXIT_STATUS_FILE)).strip()
    return Evidence(
        fatal=clean(fatal) if fatal else "",
        exit_status=int(status) if re.fullmatch(r"-?[0-9]{1,10}", status) else None,
        stacks=clean(stacks_in(text)) if fatal else "",
        closed=closed,
        hung_since_ns=_hung_since(os.path.join(run_folder, HANGS_FILE)),
        beat=read_beat(run_folder),
        marked=os.path.lexists(os.path.join(run_folder, MARK_FILE)),
        found=found,
        fault_seconds=_written(path) if fatal else 0.0,
        fault_file=os.path.lexists(path),
    )


def with_findings(evidence: Evidence, found: Findings) -> Evidence:
    """Return the evidence with what was found elsewhere; the parent's word on the exit status goes first."""
    status = evidence.exit_status if evidence.exit_status is not None else found.exit_status
    return replace(evidence, found=found, exit_status=status)


def _written(path: str) -> float:
    try:
        return os.lstat(path).st_mtime
    except OSError:
        return 0.0


def _hung_since(path: str) -> int:
    """Return since when the run hung, as a drain has told it, 0 where it answered again."""
    told: dict[int, int] = {}
    for line in _read_text(path).splitlines():
        try:
            entry = json.loads(line)
            since, wall = int(entry["since"]), int(entry["wall"])
        except (ValueError, TypeError, KeyError):
            continue
        if entry.get("what") == "over":
            told.pop(since, None)
        else:
            told[since] = wall
    return min(told.values(), default=0)


def _read_text(path: str) -> str:
    return text_of(path, _MAX_BYTES, flags=getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
