"""The drain at work: read what runs record, send it, acknowledge what arrived, and say how it goes.

    every 0.25 s (1 s without a live run)     read on, hand batches to the couriers
    every 1 s                                 look for new and dead runs, write acknowledgements
    at an outcome                             settle, and hand out the next batch at once

One thread owns all state. The couriers (one per signal) only send, so an endpoint that hangs holds up its own
signal and nothing else. Acknowledgements are written after a 2xx and never before: a drain that is killed at
any step leaves nothing missing, and at most the batches in the couriers' hands arrive twice.

Whatever else a drain needs (its lock, its start, its hand-over) is in the modules of its life; this one runs
as well in a process of its own as in a thread of the host.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from clientobs._guarded import quiet
from clientobs.drain.deaths.coroner import coroner_of
from clientobs.drain.lock import drain_folder
from clientobs.drain.metrics.machine import MachineMetrics
from clientobs.drain.metrics.vitals import INTERVAL as VITALS_INTERVAL
from clientobs.drain.runs.ages import Ages
from clientobs.drain.runs.registry import Registry
from clientobs.drain.service.duties import Duties
from clientobs.drain.service.flushes import Flushes
from clientobs.drain.service.lines import open_lines
from clientobs.drain.service.report import Reporter
from clientobs.drain.service.rhythm import Every
from clientobs.errors import DeliveryError
from clientobs.journal.acks import append_acks
from clientobs.journal.losses import read_losses
from clientobs.journal.process import boot_id
from clientobs.journal.retention import enforce

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from clientobs._loss import LossLedger
    from clientobs.config.model import Config, Signal
    from clientobs.drain.metrics.turn import MachineTurn
    from clientobs.drain.runs.run_tail import RunTail
    from clientobs.drain.service.companions import Follows, Watches
    from clientobs.drain.service.courier import Sends
    from clientobs.journal.acks import Entry
    from clientobs.journal.home import Home

__all__ = ["Left", "Service"]

Left: TypeAlias = Literal["idle", "stopped"]
"""Why `run` returned: nothing to do for `idle_seconds`, or it was told to."""

POLL: Final = 0.25
"""Seconds between two looks at the segments of live runs."""

_IDLE_POLL: Final = 1.0
_FLUSH_POLL: Final = 0.05
_LOOK: Final = 1.0
_TELL: Final = 2.0
_KEEP_ROOM: Final = 60.0
_READING: Final = 0.1
"""Seconds of reading a backlog before the couriers are looked after again."""
_GOODBYE: Final = 2.0
_EVICTED: Final = "evicted"


class Service:
    """One drain of one home for one destination.

    `senders` are keyed by signal; a signal without one has no endpoint. `adopt` are further destinations
    whose runs are delivered too ("" for runs from before any endpoint was configured). `turn` decides
    among the drains of the machine which one reads its vitals; None: it doesn't. `log_files` reads those of
    tools. Raises DeliveryError without any sender: a drain would let go of everything.
    """

    def __init__(
        self,
        *,
        home: Home,
        config: Config,
        destination: str,
        senders: Mapping[Signal, Sends],
        loss: LossLedger,
        adopt: Collection[str] = (),
        turn: MachineTurn | None = None,
        ages: Ages | None = None,
        log_files: Follows | None = None,
        hangs: Watches | None = None,
    ) -> None:
        if not senders:
            raise DeliveryError("No endpoint is configured; set OTEL_EXPORTER_OTLP_ENDPOINT.")
        ages = ages or Ages(boot_id=boot_id())
        self._home = home
        self._config = config
        self._loss = loss
        self._turn = turn
        self._boot_id = ages.boot_id
        self._wake = threading.Event()
        self._registry = Registry(home, destination, loss, adopt=adopt)
        self._machine = MachineMetrics(
            folder=drain_folder(home.path), destination=destination, boot_id=ages.boot_id, loss=loss
        )
        self._logs, _, self._metrics = self._lines = open_lines(
            senders, config, self._machine, ages=ages, loss=loss, wake=self._wake.set
        )
        self._reporter = Reporter(home.path, destination, ages)
        self._source = f"drain-{os.getpid()}-{time.time_ns()}"
        self._duties = Duties(home.path, turn)
        self._flushes = Flushes(self._registry, self._lines, self._acknowledge)
        self._first_look = True
        self._look_soon = False
        self._look, self._keep_room = Every(_LOOK), Every(_KEEP_ROOM)
        self._read_vitals, self._tell = Every(VITALS_INTERVAL), Every(_TELL)
        self._coroner = coroner_of(config, home, ages.boot_id, loss, wake=self._wake.set)
        self._log_files = log_files
        self._hangs = hangs
        self._catch_up()
        if log_files is not None:
            log_files.start()

    def _catch_up(self) -> None:
        """Acknowledge the deltas that the books hold already: the last drain was killed in between."""
        marks: dict[str, list[Entry]] = {}
        for run, *entry in self._machine.marks:
            marks.setdefault(str(run), []).append(tuple(entry))
        for run, entries in marks.items():
            folder = os.path.join(self._home.runs, run)
            if os.path.isdir(folder):
                append_acks(folder, entries)

    # The loop ------------------------------------------------------------------------------------

    def run(self, stop: threading.Event, *, idle_seconds: float | None = None) -> Left:
        """Work until `stop` is set (call `wake` after that), or nothing was to be done for `idle_seconds`.

        None for the configured time; infinity to stay.
        """
        patience = self._config.drain.idle_seconds if idle_seconds is None else idle_seconds
        busy_at = time.monotonic()
        while not stop.is_set():
            read_more = self.step()
            if not self.idle:
                busy_at = time.monotonic()
            elif time.monotonic() - busy_at >= patience:
                return "idle"
            self.rest(read_more)
        return "stopped"

    def rest(self, read_more: bool, /) -> None:
        """Wait until the next round makes sense or `wake` is called; not where there is more to read."""
        if not read_more:
            self._wake.wait(self._pause())
        self._wake.clear()

    def once(self, timeout: float) -> bool:
        """Deliver what is there; say whether all of it arrived. Ends early where each way out has failed."""
        deadline = time.monotonic() + timeout
        if self._log_files is not None:
            self._log_files.catch_up(timeout / 2)
        looked_again = False
        while time.monotonic() < deadline:
            read_more = self.step(eager=True)
            if self.drained:
                if looked_again:
                    return True
                self.look_around()  # what came meanwhile, and what the delivery itself has lost
                looked_again = True
            elif not read_more and self.stuck:
                return False
            elif not read_more:
                self._wake.wait(_FLUSH_POLL)
            self._wake.clear()
        return False

    def wake(self) -> None:
        """Look again at once: for whoever sets `stop`."""
        self._wake.set()

    def close(self, phase: str = "left") -> None:
        """Let the couriers finish what they hold, write books and state, and let go of everything."""
        if self._log_files is not None:
            self._log_files.stop()
        if self._hangs is not None:
            self._hangs.close()
        for line in self._lines:
            line.close(_GOODBYE)
        self._collect()
        self.look_around()
        self._machine.save()
        self._tell_state(phase)
        self._registry.close()
        self._coroner.close()
        self._duties.close()

    @property
    def idle(self) -> bool:
        """Whether nothing records, nothing waits, and nothing is on its way."""
        return self.drained and not self.any_alive

    @property
    def any_alive(self) -> bool:
        """Whether a run of this destination is being recorded."""
        return self._registry.any_alive

    @property
    def drained(self) -> bool:
        """Whether all that was found has arrived, and the books of it too (which no endpoint may hold up)."""
        return (
            self._registry.settled
            and not any(line.busy for line in self._lines)
            and (self._machine.told or self._metrics.failing)
        )

    @property
    def stuck(self) -> bool:
        """Whether what is left cannot be delivered now: each way out has failed, and waits to try again."""
        if self._coroner.busy:
            return False
        return any(line.failing for line in self._lines) and all(
            line.failing or not line.holds(self._registry.runs.values()) for line in self._lines
        )

    def _pause(self) -> float:
        if self._flushes:
            return _FLUSH_POLL
        return POLL if self._registry.any_alive or not self._registry.settled else _IDLE_POLL

    # One round -----------------------------------------------------------------------------------

    def step(self, *, eager: bool = False) -> bool:
        """Do one round; say whether there is more to read at once."""
        self._collect()
        if self._look.due() or self._look_soon:
            self._look_soon = False
            self.look_around()
        self._coroner.look(self._registry.runs.values())
        self._flushes.take()
        eager = eager or bool(self._flushes)
        read_more = self._read_on()
        if self._read_vitals.due():
            self._measure_machine()
        self._send(eager=eager)
        self._flushes.finish()
        if self._keep_room.due():
            with quiet("drain.retention"):
                enforce(self._home, self._config.journal)
        if self._tell.due():
            self._machine.save()
            self._tell_state()
        return read_more

    def _collect(self) -> None:
        for line in self._lines:
            self._acknowledge(line.collect())

    def _send(self, *, eager: bool) -> None:
        runs = list(self._registry.runs.values())
        for line in self._lines:
            # What a person waits for has the uplink to itself, but not for as long as its endpoint hangs.
            if line is not self._logs and self._logs.urgent and not eager:
                continue
            self._acknowledge(line.send(runs, eager=eager))

    def _acknowledge(self, runs: list[RunTail]) -> None:
        for run in runs:
            # A full disk or a folder that retention took: it will be sent again, never lost.
            with quiet("drain.acks"):
                run.acknowledge()

    def look_around(self) -> None:
        """Find new runs, and those that ended; nothing is sent."""
        with quiet("drain.look"):
            self._registry.refresh(forget=self._machine.forget)
            if self._first_look:
                # Runs may have died while no drain was there to see it.
                self._machine.forget_all_but(run.run for run in self._registry.runs.values() if run.alive)
                self._first_look = False
        runs = list(self._registry.runs.values())
        if self._turn is not None:
            self._machine.processes.look(runs)
            # The last word of those that have ended; those that live have theirs with the vitals.
            self._machine.read_processes((run for run in runs if not run.alive), time.time_ns())
            self._machine.processes.keep(self._registry.names())
        self._acknowledge(runs)
        self._book_losses()
        self._registry.release_done()

    def _read_on(self) -> bool:
        found = False
        for run in self._registry.runs.values():
            # Of all runs before the backlog of the first, which may take seconds: what is urgent goes out first.
            found |= run.read_vital()
        deadline = time.monotonic() + _READING
        for run in self._registry.runs.values():
            found |= run.read_on(
                boot_id=self._boot_id,
                has_time=lambda: time.monotonic() < deadline,
                inquires=self._coroner,
            )
        self._metrics.take_in(self._registry.runs.values())
        if self._hangs is not None and self._hangs.look(list(self._registry.runs.values())):
            self._look_soon = True
        return found

    def _book_losses(self) -> None:
        for run in self._registry.runs.values():
            self._machine.meet(run.header)
            self._machine.add_losses(run.run, run.losses)
        self._machine.add_losses(self._source, self._loss.totals())
        if self._duties.speaks_for_home:
            # What retention took is counted for the whole home: one drain tells it.
            self._machine.add_losses(_EVICTED, read_losses(self._home.runs))
        self._machine.accounts.keep({*self._registry.names(), self._source, _EVICTED})

    def _measure_machine(self) -> None:
        if self._turn is not None and self._registry.any_alive:
            self._machine.read_processes(self._registry.runs.values(), time.time_ns())
        self._duties.settle(any_alive=self._registry.any_alive)
        if not self._duties.measures:
            self._machine.leave_machine()
            return
        self._machine.measure_machine(self._home.path)
        self._machine.read_vitals(time.time_ns())

    def _tell_state(self, phase: str = "running") -> None:
        self._reporter.tell(
            self._registry,
            self._lines,
            self._machine.accounts,
            processes=self._machine.processes,
            measuring=self._duties.measures,
            phase=phase,
        )
