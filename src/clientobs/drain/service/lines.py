"""A line is one signal on its way: what waits, what is in the courier's hands, and when to try again.

    RecordLine    logs, traces: records as they were written
    MetricLine    metrics: totals of the machine

A line without a courier has no endpoint: what comes there is counted as "no_endpoint" and let go.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from clientobs.drain.batch import Batch, Outcome
from clientobs.drain.runs.priority import RANKS_OF
from clientobs.drain.service.courier import Courier
from clientobs.drain.service.dispatch import Dispatch
from clientobs.drain.service.state import SignalState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from clientobs._loss import LossLedger
    from clientobs.config.model import Config, Signal
    from clientobs.drain.metrics.machine import MachineMetrics
    from clientobs.drain.runs.ages import Ages
    from clientobs.drain.runs.run_tail import RunTail, Tail
    from clientobs.drain.service.courier import Sends
    from clientobs.drain.service.dispatch import Settlement

__all__ = ["LINGER", "Line", "MetricLine", "RecordLine", "open_lines"]

LINGER: Final = 1.0
"""Seconds that records wait for company, unless they are urgent or many."""

FULL_EXPORT: Final = 60.0
"""Seconds after which all totals are sent again, changed or not: back ends take silence for the end."""
_PRECEDENCE: Final = 1.0
"""Seconds that what is urgent has the uplink to itself: an endpoint that hangs holds up nothing but its own."""

_MANY: Final = 500
_NO_ENDPOINT: Final = "no_endpoint"


def open_lines(
    senders: Mapping[Signal, Sends],
    config: Config,
    machine: MachineMetrics,
    *,
    ages: Ages,
    loss: LossLedger,
    wake: Callable[[], object],
) -> tuple[RecordLine, RecordLine, MetricLine]:
    """Return the lines of logs, traces and metrics, each with a courier if it has a sender."""
    couriers = {signal: Courier(signal, sender, wake) for signal, sender in senders.items()}
    max_age = config.journal.max_age
    logs = Dispatch("logs", ages=ages, max_age=max_age, loss=loss)
    traces = Dispatch("traces", ages=ages, max_age=max_age, loss=loss)
    metrics = MetricLine(
        couriers.get("metrics"), machine, ages=ages, max_age=config.delivery.metrics_max_age, loss=loss
    )
    return (
        RecordLine(couriers.get("logs"), machine, logs),
        RecordLine(couriers.get("traces"), machine, traces),
        metrics,
    )


class Line:
    """What both kinds of lines share: the courier, and the patience that its outcomes ask for."""

    def __init__(self, signal: Signal, courier: Courier | None, machine: MachineMetrics) -> None:
        self.signal = signal
        self.state = SignalState()
        self._courier = courier
        self._machine = machine
        self._not_before = 0.0
        self._since: float | None = None

    @property
    def busy(self) -> bool:
        """Whether a batch is in the courier's hands."""
        return self._courier is not None and self._courier.busy

    @property
    def failing(self) -> bool:
        """Whether the endpoint did not take the last batch."""
        return self.state.verdict in {"retry", "hold"}

    def hurry(self) -> None:
        """Try again now, where only an outage is waited out; what needs a person goes on waiting."""
        if self.state.verdict == "retry":
            self._not_before = 0.0

    def collect(self) -> list[RunTail]:
        """Settle the batch that came back, if one did; return the runs that have something to acknowledge."""
        outcome = self._courier.outcome() if self._courier is not None else None
        if outcome is None:
            return []
        now = time.time_ns()
        self._not_before = time.monotonic() + outcome.wait
        self.state.verdict, self.state.reason = outcome.verdict, outcome.reason
        self.state.sent_ns = now
        self.state.retry_ns = now + int(outcome.wait * 1e9) if outcome.wait else 0
        self.state.failures = self.state.failures + 1 if self.failing else 0
        self._machine.add_delivered(self.signal, self._delivered(outcome))
        return self._settle(outcome)

    def send(self, runs: Iterable[RunTail], *, eager: bool) -> list[RunTail]:
        """Hand the courier a batch where it is time for one; return runs settled without sending."""
        if self._courier is None:
            return self._let_go(runs)
        now = time.monotonic()
        if self._courier.busy or now < self._not_before or not self._is_due(runs, now, eager=eager):
            return []
        batch = self._next(runs)
        if batch is None:
            return []
        self._since = None
        if batch.items:
            self._courier.hand(batch)
            return []
        return self._settle(Outcome(verdict="delivered", settled=0))

    def close(self, timeout: float) -> None:
        """Let the courier finish, at most `timeout` seconds."""
        if self._courier is not None:
            self._courier.close(timeout)

    def holds(self, runs: Iterable[RunTail]) -> bool:
        """Say whether something of this signal waits or is on its way."""
        return self.busy or any(run.waiting(rank) for run in runs for rank in RANKS_OF[self.signal])

    def _has_lingered(self, now: float) -> bool:
        if self._since is None:
            self._since = now
        return now - self._since >= LINGER

    def _delivered(self, outcome: Outcome) -> int:
        return outcome.delivered

    def _is_due(self, runs: Iterable[RunTail], now: float, *, eager: bool) -> bool:
        raise NotImplementedError

    def _next(self, runs: Iterable[RunTail]) -> Batch | None:
        raise NotImplementedError

    def _settle(self, outcome: Outcome) -> list[RunTail]:
        raise NotImplementedError

    def _let_go(self, runs: Iterable[RunTail]) -> list[RunTail]:
        raise NotImplementedError


class RecordLine(Line):
    """Logs or traces."""

    def __init__(self, courier: Courier | None, machine: MachineMetrics, dispatch: Dispatch) -> None:
        super().__init__(dispatch.signal, courier, machine)
        self._dispatch = dispatch
        self._settlement: Settlement | None = None
        self._handed = 0.0

    @property
    def urgent(self) -> bool:
        """Whether something that a person may be waiting for went into the courier's hands just now."""
        if not self.busy or self._settlement is None or not self._settlement.urgent:
            return False
        return time.monotonic() - self._handed < _PRECEDENCE

    def _is_due(self, runs: Iterable[RunTail], now: float, *, eager: bool) -> bool:
        found = list(runs)
        waiting = self._dispatch.waiting(found)
        if not waiting:
            self._since = None
            return False
        if eager or waiting >= _MANY or self._dispatch.waiting(found, urgent=True):
            return True
        return self._has_lingered(now)

    def _next(self, runs: Iterable[RunTail]) -> Batch | None:
        self._settlement = self._dispatch.next(runs)
        self._handed = time.monotonic()
        return self._settlement.batch if self._settlement else None

    def _settle(self, outcome: Outcome) -> list[RunTail]:
        settlement, self._settlement = self._settlement, None
        return self._dispatch.settle(settlement, outcome) if settlement else []

    def _let_go(self, runs: Iterable[RunTail]) -> list[RunTail]:
        settlement = self._dispatch.next(runs)
        if settlement is None:
            return []
        outcome = Outcome(verdict="delivered", settled=len(settlement.batch.items))
        return self._dispatch.settle(settlement, outcome, reason=_NO_ENDPOINT)


class MetricLine(Line):
    """The machine's totals: changed ones soon, all of them once a minute while something records."""

    def __init__(
        self,
        courier: Courier | None,
        machine: MachineMetrics,
        *,
        ages: Ages,
        max_age: float,
        loss: LossLedger,
    ) -> None:
        super().__init__("metrics", courier, machine)
        self._ages = ages
        self._max_age = max_age
        self._loss = loss
        self._full_at = 0.0
        self._full = False

    def holds(self, runs: Iterable[RunTail]) -> bool:  # noqa: ARG002  # taken in already
        """Say whether measurements wait or are on their way."""
        return self.busy or self._machine.changed

    def take_in(self, runs: Iterable[RunTail]) -> None:
        """Add what the runs have measured to the totals."""
        for run in runs:
            for tail in run.in_order():
                while tail.waiting("metric"):
                    self._add(run, tail)
                    if tail.gone:
                        break

    def _add(self, run: RunTail, tail: Tail) -> None:
        taken = tail.take("metric", _MANY, 1 << 20)
        items = []
        for entry in taken:
            if entry.item is None:
                self._loss.add("unreadable")
            elif self._ages.seconds(entry.item.header, entry.mono_ns, alive=run.alive) > self._max_age:
                self._loss.add("expired")
            elif self._courier is None:
                self._loss.add(_NO_ENDPOINT)
            else:
                items.append(entry.item)
        if taken:
            self._machine.add(run, tail, items, len(taken))

    def _is_due(self, runs: Iterable[RunTail], now: float, *, eager: bool) -> bool:
        alive = any(run.is_of_live_host for run in runs)
        self._full = alive and now >= self._full_at
        # The books are no reason for a batch while runs bring reasons enough; the last batch takes them.
        if not (self._machine.changed or self._full or (not self._machine.told and (eager or not alive))):
            self._since = None
            return False
        return eager or self._full or self._has_lingered(now)

    def _next(self, runs: Iterable[RunTail]) -> Batch | None:  # noqa: ARG002  # taken in already
        if self._full:
            self._full_at = time.monotonic() + FULL_EXPORT
        return self._machine.batch(time.time_ns(), full=self._full)

    def _delivered(self, outcome: Outcome) -> int:  # noqa: ARG002  # its items are totals, not records
        return 0

    def _settle(self, outcome: Outcome) -> list[RunTail]:
        if outcome.verdict == "delivered":
            return self._machine.arrived()
        self._machine.failed()
        return []

    def _let_go(self, runs: Iterable[RunTail]) -> list[RunTail]:  # noqa: ARG002
        return self._machine.let_go()
