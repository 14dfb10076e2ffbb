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

import os
import re
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from clientobs.semconv import SessionStatus

__all__ = ["EXIT_STATUS_FILE", "FAULT_FILE", "Ending", "Evidence", "judge", "read_evidence"]

FAULT_FILE: Final = "fault.txt"
EXIT_STATUS_FILE: Final = "exit-status"

_MAX_BYTES: Final = 64 << 10
_FATAL: Final = re.compile(r"^Fatal Python error: (.{1,200})$", re.MULTILINE)
_FATAL_SIGNALS: Final = frozenset({"SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGSYS", "SIGTRAP"})
_WINDOWS_FATAL: Final = 0xC0000000  # NTSTATUS of severity "error": access violation, stack overflow ...
_WINDOWS_CTRL_C: Final = 0xC000013A


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a death from outside the journal.

    fatal        the fatal error in fault.txt, "" where there is none
    exit_status  as subprocess gives it (negative: by a signal), None where no parent saw it
    rebooted     whether the machine has started again since the run began
    closed       whether the run's lock bears the mark of a clean close
    """

    fatal: str = ""
    exit_status: int | None = None
    rebooted: bool = False
    closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A verdict, and in a few words what it rests on."""

    status: SessionStatus
    evidence: str


def judge(evidence: Evidence, closed: str | None) -> Ending:
    """Return how a dead run ended; `closed` is the detail of its clean close, None where there is none.

    >>> judge(Evidence(fatal="Segmentation fault"), closed=None).status
    'crashed'
    >>> judge(Evidence(fatal="Segmentation fault"), closed="os._exit").status
    'exited'
    """
    if closed is not None or evidence.closed:
        return Ending(status="exited", evidence=f"clean close: {closed}" if closed else "clean close")
    if evidence.fatal:
        return Ending(status="crashed", evidence=f"fatal error: {evidence.fatal}")
    if evidence.exit_status is not None:
        return _judge_status(evidence.exit_status)
    if evidence.rebooted:
        return Ending(status="abnormal", evidence="the machine has restarted since")
    return Ending(status="unknown", evidence="no clean close and no trace of a crash")


def _judge_status(status: int) -> Ending:
    if status < 0:
        name = _signal_name(-status)
        return Ending(status="crashed" if name in _FATAL_SIGNALS else "abnormal", evidence=f"ended by {name}")
    if status >= _WINDOWS_FATAL and status != _WINDOWS_CTRL_C:
        return Ending(status="crashed", evidence=f"exit status 0x{status:08X}")
    if status == _WINDOWS_CTRL_C:
        return Ending(status="abnormal", evidence="ended by Ctrl-C")
    return Ending(status="exited", evidence=f"exit status {status}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def read_evidence(run_folder: str, *, rebooted: bool = False, closed: bool = False) -> Evidence:
    """Return what a run's folder tells of its death; unreadable files tell nothing."""
    fatal = _FATAL.search(_read_text(os.path.join(run_folder, FAULT_FILE)))
    status = _read_text(os.path.join(run_folder, EXIT_STATUS_FILE)).strip()
    return Evidence(
        fatal=fatal.group(1).strip() if fatal else "",
        exit_status=int(status) if re.fullmatch(r"-?[0-9]{1,10}", status) else None,
        rebooted=rebooted,
        closed=closed,
    )


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
