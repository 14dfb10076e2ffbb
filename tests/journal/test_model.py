"""Fault 1: any sequence of appends, rotations, kills, readings, deliveries and evictions keeps the account.

The model is a list: what was appended. At any time each of these records is delivered, or can still be read,
or has been counted as lost; none is there twice, none was invented, and a lane keeps its order.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from clientobs._loss import LossLedger
from clientobs.config.model import JournalConfig
from clientobs.journal import runs
from clientobs.journal.acks import ALL, append_acks, read_acks
from clientobs.journal.format import Kind, Lane, encode_frame
from clientobs.journal.losses import read_losses
from clientobs.journal.reader import read_segment
from clientobs.journal.retention import enforce
from clientobs.journal.runs import list_runs
from support.journals import FakeTime, make_home, make_journal

if TYPE_CHECKING:
    from clientobs.journal.writer import Journal

LANES = st.sampled_from(["bulk", "vital"])


class JournalModel(RuleBasedStateMachine):
    """The journal against a list."""

    open_spans = Bundle("open_spans")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.place = make_home(Path(self.folder) / "home")
        self.loss = LossLedger()
        self.time = FakeTime()
        self.appended: list[bytes] = []
        self.delivered: Counter[bytes] = Counter()
        self.torn_runs: set[str] = set()
        self.journal: Journal
        # All runs are of this process: without the lock they must count as dead here.
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(runs, "process_start", lambda pid: "")

    def teardown(self) -> None:
        self.journal.close("exited", "")
        self._patch.undo()
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        self.journal = make_journal(
            self.place, loss=self.loss, mono=self.time, segment_bytes=16 << 10, bulk_bytes=1 << 30
        )

    def record(self, size: int) -> bytes:
        payload = b"%d " % len(self.appended) + bytes(size)
        self.appended.append(payload)
        return payload

    @rule(lane=LANES, size=st.sampled_from([0, 50, 3000, 9000]), count=st.integers(1, 5))
    def append(self, lane: Lane, size: int, count: int) -> None:
        number = self.journal.context_number("production", {"shot": len(self.appended) % 3})
        for _ in range(count):
            assert self.journal.append(Kind.LOG, self.record(size), lane, (number,))

    @rule(target=open_spans, size=st.integers(0, 500))
    def start_span(self, size: int) -> tuple[str, int, int]:
        key = len(self.appended)
        self.appended.append(b"")  # takes a number; a start is no record of its own
        assert self.journal.span_started(key, b"start %d" % key + bytes(size))
        return self.journal.run, key, size

    @rule(target=open_spans, span=open_spans, lane=LANES)
    def end_span(self, span: tuple[str, int, int], lane: Lane) -> object:
        run, key, size = span
        if run == self.journal.run and key in self.journal._open_spans:
            assert self.journal.span_ended(key, self.record(size), lane)
        return multiple()

    @rule()
    def rotate(self) -> None:
        self.time.forward(31)
        self.journal.tend()

    @rule(torn=st.integers(0, 200))
    def kill(self, torn: int) -> None:
        """End the run as SIGKILL does: unsealed, perhaps in the middle of a write."""
        segment = self.journal._lanes.current["bulk"]
        if segment is not None and torn:
            frame = encode_frame(Kind.LOG, bytes(300), 1, 1, segment._seed)
            with open(segment.path, "ab") as file:
                file.write(frame[:torn])
            self.torn_runs.add(self.journal.run)
        self.journal._lanes.abandon()
        self.journal._lanes.directory.abandon()
        self.begin()

    @rule()
    def close(self) -> None:
        self.journal.close("exited", "")
        self.begin()

    @rule(share=st.floats(0, 1), ack=st.booleans())
    def drain(self, share: float, ack: bool) -> None:
        """Deliver part of what is new, and acknowledge it; or be killed before that."""
        for run in list_runs(self.place):
            marks = read_acks(run.path)
            for segment in run.segments:
                offset = marks.get((segment.lane, segment.number), {}).get(ALL, 0)
                reading = read_segment(segment.path, offset, live=run.is_alive)
                frames = reading.frames[: round(len(reading.frames) * share)]
                if not ack:
                    continue
                self.delivered.update(frame.payload for frame in frames if is_record(frame.kind))
                whole = len(frames) == len(reading.frames)
                end = (segment.size if not run.is_alive else reading.next_offset) if whole else 0
                offset = end or (frames[-1].end if frames else 0)
                append_acks(run.path, [(segment.lane, segment.number, ALL, offset)])
            if ack and share == 1 and not run.is_alive:
                append_acks(run.path, [("vital", 0, ALL, 1)])

    @rule(quota=st.integers(0, 200_000), keep=st.sampled_from([0, 1 << 20]))
    def evict(self, quota: int, keep: int) -> None:
        config = JournalConfig(
            bulk_bytes=quota, vital_bytes=quota, keep_delivered_bytes=keep, free_floor_bytes=0
        )
        enforce(self.place, config)

    @invariant()
    def the_account_balances(self) -> None:
        if not hasattr(self, "journal"):
            return
        waiting: Counter[bytes] = Counter()
        torn = 0
        for run in list_runs(self.place):
            marks = read_acks(run.path)
            for segment in run.segments:
                offset = marks.get((segment.lane, segment.number), {}).get(ALL, 0)
                reading = read_segment(segment.path, offset, live=run.is_alive)
                waiting.update(frame.payload for frame in reading.frames if is_record(frame.kind))
                sequences = [frame.sequence for frame in reading.frames]
                assert sequences == sorted(set(sequences))
                assert reading.damaged == 0
                torn += reading.torn
        records = Counter(payload for payload in self.appended if payload)
        there = waiting + self.delivered
        assert not there - records, "a record was invented, or is there twice"
        lost = sum(read_losses(self.place.runs).values()) + sum(self.loss.totals().values())
        assert sum((records - there).values()) == lost
        assert torn <= len(self.torn_runs)


def is_record(kind: int) -> bool:
    return kind in {Kind.LOG, Kind.SPAN_ENDED}


TestJournalModel = JournalModel.TestCase
TestJournalModel.settings = settings(
    max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
