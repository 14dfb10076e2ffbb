"""The metrics of this machine on their way: deltas of all runs, vitals, and our own books.

    deltas of runs ─┐
    vitals ─────────┼─> Aggregator ─> one batch of totals ─> 2xx ─> books on disk ─> acks of the deltas
    lost, delivered ┘

Deltas are taken as soon as they are there, and only acknowledged when totals that hold them have arrived. An
endpoint that refuses them therefore costs no memory: the totals are all that there is.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._version import __version__
from clientobs.drain.accounts import Accounts, Books, read_books, write_books
from clientobs.drain.batch import Batch, Item
from clientobs.drain.metrics.aggregate import SERIES_LIMIT, Aggregator, Export, Scope, machine_resource
from clientobs.drain.metrics.processes import Processes
from clientobs.drain.metrics.vitals import MACHINE, Vitals
from clientobs.journal.records import Attributes, ContextRecord, Header, MetricsRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from clientobs._loss import LossLedger
    from clientobs.drain.runs.run_tail import RunTail, Tail

__all__ = ["MachineMetrics"]

_SERVICE: Final = "clientobs"
_SCOPE: Final[Scope] = ("clientobs.drain", __version__)
_MAX_OWN: Final = 16
_FOR_OWN: Final = 2 * (_MAX_OWN + 1)
"""Series of the machine's bound that the books take."""


@dataclass(slots=True)
class _Held:
    """Deltas that were added to the totals, and are not yet acknowledged."""

    run: RunTail
    tail: Tail
    count: int
    delivered: int


@dataclass(slots=True)
class _Flight:
    """A batch of totals in the courier's hands."""

    mark: int
    held: list[_Held]
    totals: list[Any]
    processes: dict[str, Any]


class MachineMetrics:
    """Takes measurements in, gives batches of totals out."""

    def __init__(self, *, folder: str, destination: str, boot_id: str, loss: LossLedger) -> None:
        self.accounts = Accounts()
        self.processes = Processes(boot_id)
        self._books_path = os.path.join(folder, f"{destination or 'none'}.books")
        self._destination = destination
        self._aggregator = Aggregator(loss=loss, destination=destination, limit=SERIES_LIMIT - _FOR_OWN)
        self._vitals: Vitals | None = None
        self._resource: Attributes = {}
        self._held: list[_Held] = []
        self._flight: _Flight | None = None
        self._batches = 0
        self._scopes: dict[Scope, dict[int, ContextRecord]] = {}
        self.changed = False
        """Whether measurements came in since the last batch."""
        self.told = True
        """Whether all that the books count has gone into a batch."""
        self._saved = Books()
        self._arrived: list[Any] = []
        self._marks: list[Any] = []
        self._arrived_processes: dict[str, Any] = {}
        self._load()

    def _load(self) -> None:
        books = read_books(self._books_path)
        try:
            if books.accounts:
                self.accounts.load(books.accounts)
            self._aggregator.load(books.series)
            self.processes.load(books.processes)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError):
            return  # of another version: start anew, as after any loss of this file
        self._arrived, self._marks, self._arrived_processes = books.series, books.marks, books.processes

    @property
    def marks(self) -> list[Any]:
        """Acknowledgements that the last drain may not have got to: (run, lane, number, rank, offset)."""
        return self._marks

    def save(self) -> None:
        """Write the books down, where the accounts have changed or totals have arrived.

        The totals in them are those that arrived last. Newer ones hold deltas that nobody has acknowledged:
        the next drain would add these twice.
        """
        books = Books(
            accounts=self.accounts.dump(),
            series=self._arrived,
            marks=self._marks,
            processes=self._arrived_processes,
        )
        if books != self._saved:
            self._saved = books
            write_books(self._books_path, books)

    def measure_machine(self, folder: str) -> None:
        """Read the machine's vitals from now on."""
        if self._vitals is None:
            self._vitals = Vitals(folder=folder)

    def leave_machine(self) -> None:
        """Read no more vitals, and say no longer how things stood: another drain does."""
        if self._vitals is not None:
            self._vitals = None
            self.forget(MACHINE)
            self.changed = True

    def meet(self, header: Header) -> None:
        """Learn from a run what machine this is."""
        self._resource = {**header.resource, semconv.SERVICE_NAME: _SERVICE}

    def forget(self, run: str) -> None:
        """Take out what a dead run held at the moment."""
        self._aggregator.forget(run)

    def forget_all_but(self, runs: Iterable[str]) -> None:
        """Take out what runs before this drain held, but for those that still live."""
        self._aggregator.forget_all_but(runs)

    def add(self, run: RunTail, tail: Tail, items: list[Item], count: int) -> None:
        """Add deltas of one run; `count` frames of the tail are held until they have arrived."""
        for item in items:
            if isinstance(item.record, MetricsRecord):
                self._aggregator.add(run.run, item.header.resource, item.record.metrics, item.contexts)
        self._held.append(_Held(run, tail, count, len(items)))
        self.changed = True

    def add_losses(self, source: str, totals: Mapping[str, int]) -> None:
        """Book what a source has lost since the last look."""
        if self.accounts.take_losses(source, totals):
            self.told = False

    def add_delivered(self, signal: str, count: int) -> None:
        """Book records that the endpoint took."""
        if count:
            self.accounts.add_delivered(signal, count)
            # The delivery of metrics is no reason to deliver metrics.
            self.told &= signal == "metrics"

    def read_vitals(self, time_ns: int) -> None:
        """Take one reading of the machine, if this drain is the one to do it."""
        if self._vitals is not None and self._resource:
            metrics = tuple((1, *metric[1:]) for metric in self._vitals.read(time_ns))
            scope = ContextRecord(1, "scope", {"name": _SCOPE[0], "version": _SCOPE[1]})
            self._aggregator.add(MACHINE, self._resource, metrics, {1: scope})
            self.changed = True

    def read_processes(self, runs: Iterable[RunTail], time_ns: int) -> None:
        """Add what the processes of these runs have read and written since the last reading."""
        for run in runs:
            moved = self.processes.take(run.run)
            if moved:
                metrics = tuple(
                    (1, name, "By", "", "sum", True, (({attribute: direction}, size, 0, time_ns, ()),))
                    for name, attribute, direction, size in moved
                )
                self._aggregator.add(run.run, run.header.resource, metrics, self._scope(_SCOPE))
                self.changed = True

    def batch(self, time_ns: int, *, full: bool) -> Batch | None:
        """Return a batch of the totals that changed (`full`: of all), None where there is nothing to send."""
        exports, mark = self._aggregator.collect(time_ns, full=full)
        if self._resource and (full or not self.told):
            exports += self._own(time_ns)
        self.changed, self.told = False, True
        self._flight = _Flight(mark, self._held, self._aggregator.dump(), self.processes.dump())
        self._held = []
        if not exports:
            self.arrived()
            return None
        self._batches += 1
        items = [self._item(export, place, time_ns) for place, export in enumerate(exports)]
        return Batch(signal="metrics", items=tuple(items))

    def _own(self, time_ns: int) -> list[Export]:
        """Return the books as metrics: straight from the accounts, which say the same to `status`."""
        resource = machine_resource(self._resource, self._destination)
        return [
            Export(
                resource=resource,
                scope=_SCOPE,
                metric=(
                    1,
                    name,
                    "{record}",
                    "",
                    "sum",
                    True,
                    tuple(
                        ({key: label}, count, min(self.accounts.since_ns, time_ns), time_ns, ())
                        for label, count in _bounded(totals).items()
                    ),
                ),
            )
            for name, key, totals in (
                (semconv.RECORDS_LOST, semconv.LOSS_REASON, self.accounts.lost),
                (semconv.RECORDS_DELIVERED, semconv.OTEL_SIGNAL, self.accounts.delivered),
            )
            if totals
        ]

    def _item(self, export: Export, place: int, time_ns: int) -> Item:
        header = Header(
            run=f"{self._destination[:16] or MACHINE}-{os.getpid()}-{self._batches}",
            session="",
            lane="bulk",
            number=1,
            pid=os.getpid(),
            wall_ns=time_ns,
            mono_ns=0,
            resource=export.resource,
        )
        record = MetricsRecord(time_ns=time_ns, metrics=(export.metric,))
        return Item(header=header, record=record, sequence=place, contexts=self._scope(export.scope))

    def _scope(self, scope: Scope) -> dict[int, ContextRecord]:
        # The same objects each time: the encoder knows scopes that it has seen by their identity.
        if scope not in self._scopes:
            self._scopes[scope] = {1: ContextRecord(1, "scope", {"name": scope[0], "version": scope[1]})}
        return self._scopes[scope]

    def arrived(self) -> list[RunTail]:
        """Say that the batch in hand has arrived; return the runs that have something to acknowledge."""
        flight, self._flight = self._flight, None
        if flight is None:
            return []
        self._aggregator.confirm(flight.mark)
        self.add_delivered("metrics", sum(held.delivered for held in flight.held))
        return self._settle(flight)

    def failed(self) -> None:
        """Say that it has not: the next batch will hold the same totals and more."""
        if self._flight is not None:
            self._held = [*self._flight.held, *self._held]
            self._flight = None
            self.changed = True

    def let_go(self) -> list[RunTail]:
        """Settle what was taken in and goes nowhere, because there is no endpoint for metrics."""
        flight = _Flight(0, self._held, [], {})
        self._held = []
        self.changed, self.told = False, True
        return self._settle(flight)

    def _settle(self, flight: _Flight) -> list[RunTail]:
        for held in flight.held:
            held.tail.settle("metric", held.count)
        runs = {held.run.run: held.run for held in flight.held}
        self._arrived, self._arrived_processes = flight.totals, flight.processes
        self._marks = [mark for run in runs.values() for mark in run.new_marks()]
        self.save()
        return list(runs.values())


def _bounded(totals: Mapping[str, int]) -> dict[str, int]:
    """Return the greatest totals, the others as "other"."""
    ordered = sorted(totals.items(), key=lambda entry: (-entry[1], entry[0]))
    kept = dict(ordered[:_MAX_OWN])
    if rest := sum(count for _, count in ordered[_MAX_OWN:]):
        kept["other"] = kept.get("other", 0) + rest
    return kept
