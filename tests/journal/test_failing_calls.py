"""Fault 5: the nth system call fails. The host sees nothing, and the accounts balance."""

from __future__ import annotations

import errno
import os
import random
from typing import TYPE_CHECKING, Any

import pytest

from clientobs import _libc
from clientobs.journal import directory, home, lock, segment
from clientobs.journal.format import Kind
from clientobs.journal.runs import list_runs
from support.journals import FakeTime, contents, make_journal

if TYPE_CHECKING:
    from clientobs._loss import LossLedger
    from clientobs.journal.home import Home

CALLS = ("open", "write", "fstat", "lstat", "mkdir", "close", "unlink", "fdatasync", "fchmod")
RECORDS = 24
SHORT = "short write"


class FaultyCalls:
    """The system calls of the write side, of which a run of `length` fails from the nth on."""

    def __init__(self, fault: int | str, nth: int, length: int) -> None:
        self.fault = fault
        self._failing = range(nth, nth + length)
        self.count = 0
        self.on = True

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in CALLS:
            return real
        return lambda *arguments, **options: self.call(name, real, *arguments, **options)

    def call(self, name: str, real: Any, *arguments: Any, **options: Any) -> Any:
        self.count += 1
        if not self.on or self.count not in self._failing:
            return real(*arguments, **options)
        if self.fault != SHORT:
            assert isinstance(self.fault, int)
            raise OSError(self.fault, os.strerror(self.fault))
        if name == "write":
            return real(arguments[0], arguments[1][: len(arguments[1]) // 2])
        return real(*arguments, **options)

    def write(self, fd: int, data: bytes, count: int | None = None) -> int:
        """Stand for os.write, and for libc's, which tells a failure by -1."""
        try:
            written: int = self.call("write", os.write, fd, data)
        except OSError:
            if count is None:
                raise
            return -1
        return written


@pytest.mark.parametrize("length", [1, 40], ids=["once", "for a while"])
@pytest.mark.parametrize("fault", [errno.EIO, errno.ENOSPC, errno.EINTR, errno.EMFILE, SHORT], ids=str)
def test_a_failing_call_loses_at_most_what_is_counted(
    place: Home, loss: LossLedger, monkeypatch: pytest.MonkeyPatch, fault: int | str, length: int
) -> None:
    libc = _libc.libc()
    for nth in (*range(1, 32), *random.Random(length).sample(range(32, 200), 12)):
        calls = FaultyCalls(fault, nth, length)
        time = FakeTime()
        with monkeypatch.context() as patch:
            for module in (directory, home, lock, segment):
                patch.setattr(module, "os", calls)
            if libc is not None:
                patch.setattr(_libc, "_libc", _libc.Libc(calls.write, libc.library))
            before = sum(loss.totals().values())
            journal = make_journal(place, loss=loss, mono=time, segment_bytes=16 << 10)
            payloads = [b"%d-%d " % (nth, number) + bytes(4000) for number in range(RECORDS)]
            landed = [payload for payload in payloads if journal.append(Kind.LOG, payload)]
            journal.tend()
            lost = sum(loss.totals().values()) - before
            calls.on = False
            time.forward(31)
            after = b"%d after" % nth
            assert journal.append(Kind.LOG, after), "it must go on once the fault is gone"
            journal.close("exited", "")
        found = [p for p in contents(place).logs() if p.startswith((b"%d-" % nth, b"%d " % nth))]
        assert sorted(found) == sorted([*landed, after])
        assert lost == len(payloads) - len(landed)
    assert {run.state for run in list_runs(place)} == {"closed"}


@pytest.mark.parametrize(("fault", "reason"), [(errno.ENOSPC, "disk-full"), (errno.EIO, "io")])
def test_a_lane_that_has_no_room_rests_for_half_a_minute_and_the_other_goes_on(
    place: Home, loss: LossLedger, monkeypatch: pytest.MonkeyPatch, fault: int, reason: str
) -> None:
    """A thousand records a second against a full disk must not be a thousand attempts."""
    time = FakeTime()
    journal = make_journal(place, loss=loss, mono=time)
    assert journal.append(Kind.LOG, b"vital", "vital")
    calls = FaultyCalls(fault, 1, 10**6)
    with monkeypatch.context() as patch:
        patch.setattr(segment, "os", calls)
        assert not any(journal.append(Kind.LOG, b"bulk") for _ in range(500))
        assert calls.count < 5
        time.forward(29)
        assert not journal.append(Kind.LOG, b"bulk")
    assert journal.stats()["paused"] == {"bulk": reason}
    assert not journal.append(Kind.LOG, b"bulk")
    assert journal.append(Kind.LOG, b"vital", "vital")
    time.forward(2)
    assert journal.append(Kind.LOG, b"bulk")
    assert loss.totals() == {reason: 502}
