"""Fault 18: hosts and drains are killed and the network fails, at random. When it is quiet, the accounts balance.

An oracle keeps what each host was told to record, and hosts answer when it has landed. The rounds are drawn from a
seed, which a failure names.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from clientobs.drain.service.state import read_states
from support.drain_process import run_drain
from support.otlp_inbox import Answer
from support.readings import values
from support.recorder import Recorder

if TYPE_CHECKING:
    from pathlib import Path

    from support.otlp_inbox import Received
    from support.otlp_receiver import OtlpReceiver

STEPS = ("taken", "sent", "acked", "booked")
FAULTS = (
    Answer(status=503),
    Answer(status=429, headers=(("retry-after", "0"),)),
    Answer(reset=True),
    Answer(status=200, body=b"<html>sign in</html>", content_type="text/html"),
    Answer(delay=0.2),
    Answer(hang=True),
)


@dataclass
class Oracle:
    """What was recorded, by name; each name is used once."""

    lines: set[str] = field(default_factory=set)
    spans: set[str] = field(default_factory=set)
    interrupted: set[str] = field(default_factory=set)
    frames: int = 0
    ended: int = 0


class Soak:
    """A studio's bad day."""

    def __init__(self, home: Path, receiver: OtlpReceiver, seed: int) -> None:
        self.dice = random.Random(seed)
        self.told = Oracle()
        self._home = home
        self._receiver = receiver
        self._hosts: dict[Recorder, list[str]] = {}
        """The open spans of each host that lives."""
        self._names = 0

    def name(self) -> str:
        self._names += 1
        return f"n{self._names}"

    def round(self, fault_share: float) -> None:
        """Let hosts record, some of them end, and a drain work on a bad network, until it is killed."""
        while len(self._hosts) < 3:
            self._hosts[Recorder(self._home, segment_bytes=32 << 10)] = []
        for host in self._hosts:
            self._record(host)
        self._receiver.answer_if(lambda got: self._fault(got, fault_share))
        arguments = ["--kill-at", self.dice.choice(STEPS), "--at-batch", str(self.dice.randint(1, 4))]
        assert run_drain(
            self._home, self._receiver.base, *(arguments if self.dice.random() < 0.7 else ())
        ) in (*(0, 1, -9),)
        for host in list(self._hosts):
            if self.dice.random() < 0.3:
                self._end(host, kill=self.dice.random() < 0.6)

    def quiet(self) -> None:
        """Let all hosts end, and the network be well."""
        for host in list(self._hosts):
            self._end(host, kill=False)
        self._receiver.answer_if(None)
        assert run_drain(self._home, self._receiver.base, timeout=100) == 0

    def _fault(self, got: Received, share: float) -> Answer | None:
        return self.dice.choice(FAULTS) if self.dice.random() < share else None

    def _record(self, host: Recorder) -> None:
        count = self.dice.choice((1, 3, 40, 400))
        name = self.name()
        host.tell("log", body=name, count=count)
        self.told.lines |= {f"{name}-{number}" for number in range(count)} if count > 1 else {name}
        name = self.name()
        host.tell("span", name=name, count=count)
        self.told.spans |= {f"{name}-{number}" for number in range(count)} if count > 1 else {name}
        host.tell("count", name="frames", value=count)
        self.told.frames += count
        if self.dice.random() < 0.5:
            name = self.name()
            host.tell("start", name=name)
            self._hosts[host].append(name)
        host.tell("tend")

    def _end(self, host: Recorder, *, kill: bool) -> None:
        opened = self._hosts.pop(host)
        if kill:
            self.told.interrupted |= set(opened)
        else:
            for name in opened:
                host.tell("finish", name=name)
            self.told.spans |= set(opened)
            host.tell("close")
        host.kill()
        host.__exit__(None, None, None)
        self.told.ended += 1


def check(soak: Soak, receiver: OtlpReceiver, home: Path) -> None:
    """Compare what arrived with what was told."""
    told = soak.told
    logs = {log.attributes["log.record.uid"]: log for log in receiver.logs()}
    lines = Counter(log.record.body.string_value for log in logs.values() if not log.record.event_name)
    assert lines == dict.fromkeys(told.lines, 1)
    ends = [log.attributes["session.id"] for log in logs.values() if log.record.event_name == "session.end"]
    assert len(ends) == len(set(ends)) == told.ended
    spans = {span.record.span_id: span for span in receiver.spans()}
    broken = {one.record.name for one in spans.values() if one.attributes.get("clientobs.interrupted")}
    assert broken == told.interrupted
    assert Counter(span.record.name for span in spans.values()) == dict.fromkeys(
        told.spans | told.interrupted, 1
    )
    assert values(receiver, "frames")[-1] == told.frames
    (state,) = read_states(str(home))
    assert (state.lost, state.queue_records) == ({}, 0)


@pytest.mark.parametrize("seed", [1, 2])
def test_after_a_bad_day_all_accounts_balance(home: Path, receiver: OtlpReceiver, seed: int) -> None:
    soak = Soak(home, receiver, seed)
    for _ in range(4):
        soak.round(0.3)
    soak.quiet()
    check(soak, receiver, home)


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_after_bad_weeks_all_accounts_balance(home: Path, receiver: OtlpReceiver) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    soak = Soak(home, receiver, seed)
    for _ in range(150):
        soak.round(soak.dice.choice((0.1, 0.3, 0.8)))
    soak.quiet()
    check(soak, receiver, home)
    assert seed  # to be shown by a failure
