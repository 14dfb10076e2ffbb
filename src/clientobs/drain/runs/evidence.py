"""How a run ended, told from what is known for certain.

    exited     a clean close in its journal, or an exit status of its own choosing
    crashed    positive evidence only: a fatal error in fault.txt, a fatal signal or exception as exit status
    abnormal   ended from outside: killed, or the machine restarted or lost power
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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from clientobs.semconv import SessionStatus

__all__ = [
    "EXIT_STATUS_FILE",
    "FAULT_FILE",
    "HANGS_FILE",
    "Ending",
    "Evidence",
    "Watched",
    "judge",
    "read_evidence",
    "stacks_in",
]

FAULT_FILE: Final = "fault.txt"
EXIT_STATUS_FILE: Final = "exit-status"
MARK_FILE: Final = "running"
HANGS_FILE: Final = "hangs"
"""What a drain has told of hangs while the process lived: JSON lines of drain/hangs/watch.py."""

_MAX_BYTES: Final = 64 << 10
_FATAL: Final = re.compile(r"^Fatal Python error: (.{1,200})$", re.MULTILINE)
_STACK_LINE: Final = re.compile(
    r"^(?:(?:Current thread|Thread) 0x[0-9a-f]+ .{0,80}|  File \".{0,1000}\", line (?:\d+|\?{3}) in .{0,500}"
    r"|  <no Python frame>|  \.\.\.|  Garbage-collecting|Extension modules: .{0,4000})$"
)
_FATAL_SIGNALS: Final = frozenset({"SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGSYS", "SIGTRAP"})
_WINDOWS_FATAL: Final = 0xC0000000  # NTSTATUS of severity "error": access violation, stack overflow ...
_WINDOWS_CTRL_C: Final = 0xC000013A


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a death from outside the journal.

    fatal        the fatal error in fault.txt, "" where there is none
    stacks       what else faulthandler wrote there: the Python stacks of all threads
    exit_status  as subprocess gives it (negative: by a signal), None where no parent saw it
    rebooted     whether the machine has started again since the run began
    closed       whether the run's lock bears the mark of a clean close
    marked       whether the mark still stands that exit() in C takes away (guard/exit_mark.py)
    out_of_memory  the kernel's own words for having ended the process, "" where it said none
    hung_since_ns  since when it had not answered when it was seen last, 0 where it did
    """

    fatal: str = ""
    stacks: str = ""
    exit_status: int | None = None
    rebooted: bool = False
    closed: bool = False
    marked: bool = False
    out_of_memory: str = ""
    hung_since_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What the process itself had prepared for its death, by its note "watched"; and whether it was at work.

    faults  a fatal signal would have left its text in fault.txt
    exits   exit() in C would have taken the mark away
    busy    spans were open when the last record was made
    """

    faults: bool = False
    exits: bool = False
    busy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A verdict, the kind of end in one word, and in a few words what it rests on."""

    status: SessionStatus
    evidence: str
    kind: str = ""


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
        return Ending(
            status="exited", evidence=f"clean close: {closed}" if closed else "clean close", kind="exited"
        )
    if evidence.fatal:
        return Ending(status="crashed", evidence=f"fatal error: {evidence.fatal}", kind="crashed")
    if evidence.out_of_memory:
        return Ending(status="abnormal", evidence=evidence.out_of_memory, kind="out_of_memory")
    return _judge_unclear(evidence, watched)


def _judge_unclear(evidence: Evidence, watched: Watched) -> Ending:
    if evidence.hung_since_ns and not _has_left(evidence, watched):
        return Ending(status="hung", evidence="it did not answer any more", kind="hang_killed")
    if evidence.exit_status is not None:
        return _judge_status(evidence.exit_status)
    if evidence.rebooted:
        return Ending(status="abnormal", evidence="the machine has restarted since", kind="machine_down")
    return _judge_silence(evidence, watched)


def _has_left(evidence: Evidence, watched: Watched) -> bool:
    """Say whether a process that hung has ended by itself all the same, or with the machine."""
    if evidence.exit_status is not None:
        return _judge_status(evidence.exit_status).kind != "killed"
    return evidence.rebooted or (watched.exits and not evidence.marked)


def _judge_silence(evidence: Evidence, watched: Watched) -> Ending:
    """Judge a process that ended without a word, by what would have been left of the other ways to end.

    A signal that can't be caught is what remains. But a host may also quit by `_exit()` in C, which leaves
    nothing either: that one is not in the middle of its work.
    """
    if watched.exits and not evidence.marked:
        return Ending(status="exited", evidence="it called exit() without ending its Python", kind="exited")
    if watched.faults and watched.exits and watched.busy:
        return Ending(
            status="abnormal", evidence="no exit, no fault, in the middle of its work", kind="killed"
        )
    return Ending(status="unknown", evidence="no clean close and no trace of a crash", kind="unknown")


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


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def read_evidence(run_folder: str, *, rebooted: bool = False, closed: bool = False) -> Evidence:
    """Return what a run's folder tells of its death; unreadable files tell nothing."""
    text = _read_text(os.path.join(run_folder, FAULT_FILE))
    fatal = _FATAL.search(text)
    status = _read_text(os.path.join(run_folder, EXIT_STATUS_FILE)).strip()
    return Evidence(
        fatal=fatal.group(1).strip() if fatal else "",
        exit_status=int(status) if re.fullmatch(r"-?[0-9]{1,10}", status) else None,
        rebooted=rebooted,
        stacks=stacks_in(text) if fatal else "",
        closed=closed,
        hung_since_ns=_hung_since(os.path.join(run_folder, HANGS_FILE)),
        marked=os.path.lexists(os.path.join(run_folder, MARK_FILE)),
    )


def stacks_in(text: str) -> str:
    r"""Return what faulthandler wrote of the stacks, and nothing that anybody else may have put into the file.

    >>> text = 'Fatal Python error: Aborted\n\nThread 0x1 (most recent call first):\n  File "a.py", line 3 in f'
    >>> print(stacks_in(text))
    Thread 0x1 (most recent call first):
      File "a.py", line 3 in f
    """
    return "\n".join(line for line in text.splitlines() if _STACK_LINE.match(line))


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
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return ""
    try:
        return os.read(descriptor, _MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)
