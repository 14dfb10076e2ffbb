"""The instrument `processes`: what is patched, and how it is put back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from clientobs.instruments.lifecycle import Lifecycle
from clientobs.instruments.processes import child as _child
from clientobs.instruments.processes.children import Children
from clientobs.instruments.processes.environment import Inherited
from clientobs.instruments.processes.functions import patch_functions
from clientobs.instruments.processes.later import arrivals_of
from clientobs.instruments.processes.measures import Measures
from clientobs.instruments.processes.rules import RuleBook
from clientobs.instruments.processes.telling import Teller
from clientobs.instruments.processes.waits import patch_waits
from clientobs.paths.mounts import MountTable
from clientobs.record.doorstep import Doorstep

if TYPE_CHECKING:
    from clientobs.instruments.arrivals import Arrivals
    from clientobs.instruments.registry import Surroundings

__all__ = ["ProcessesInstrument"]


class ProcessesInstrument(Lifecycle):
    """Sees the child processes of this process."""

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__()
        self._config = surroundings.config.processes
        self._home = surroundings.home
        self._mounts = surroundings.mounts or MountTable.of_this_machine()
        self._measures = Measures()
        self._desk: Children | None = None
        self._arrivals: Arrivals | None = None

    def _begin(self) -> None:
        if os.name == "posix":
            import resource  # noqa: F401, PLC0415  # os.wait4 imports it, and loses its answer where it can't
        self._desk = desk = self._make_desk()
        waitpid = patch_waits(desk, self._patches)
        patch_functions(desk, self._patches)
        _child.install(desk.begin)
        self._arrivals = arrivals_of(desk, self._patches, waitpid)
        self._arrivals.watch()

    def _stop(self) -> None:
        if self._arrivals is not None:
            self._arrivals.stop()

    def _finish(self) -> None:
        self.leaving()
        self._look()

    def _pause(self) -> None:
        _child.install(None)

    def _resume(self) -> None:
        if self._desk is not None:
            _child.install(self._desk.begin)

    def after_fork_in_child(self) -> None:
        """Forget what belongs to the parent."""
        if self._desk is not None:
            self._measures.forget()
            self._desk.drop_all()
            self._desk.teller.forget()

    def _look(self) -> None:
        """Look after children that nobody waits for, and hand what has been counted to the metrics."""
        if self._desk is not None:
            self._desk.look()
            self._measures.write()
            if self._arrivals is not None:
                self._arrivals.look()

    def leaving(self) -> None:
        """End the spans of children that go on without this process."""
        if self._desk is not None:
            self._desk.leave()

    def _make_desk(self) -> Children:
        from opentelemetry.trace import SpanKind  # noqa: PLC0415  # loaded with the runtime

        from clientobs.record import span as record_span  # noqa: PLC0415

        record_span.bind()
        return Children(
            kind=SpanKind.CLIENT,
            switch=self._switch,
            meter=self._metered("processes"),
            rules=RuleBook(self._config),
            inherited=Inherited(os.environ),
            doorstep=Doorstep(self._home),
            teller=Teller(self._config, self._measures, self._mounts.is_network),
        )
