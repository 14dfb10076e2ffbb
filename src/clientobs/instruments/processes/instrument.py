"""The instrument `processes`: what is patched, and how it is put back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from clientobs.instruments.meter import Meter
from clientobs.instruments.patching import Patches, Switch
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


class ProcessesInstrument:
    """Sees the child processes of this process."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._config = surroundings.config.processes
        self._home = surroundings.home
        self._mounts = surroundings.mounts or MountTable.of_this_machine()
        self._patches = Patches()
        self._switch = Switch()
        self._measures = Measures()
        self._desk: Children | None = None
        self._arrivals: Arrivals | None = None

    @property
    def patched(self) -> tuple[str, ...]:
        """The functions of others that call us now."""
        return self._patches.names

    @property
    def on(self) -> bool:
        """Whether anything is recorded; False once it turned itself off."""
        return self._switch.on

    def instrument(self) -> None:
        """Patch; a second call does nothing."""
        if self._switch.on:
            return
        if os.name == "posix":
            import resource  # noqa: F401, PLC0415  # os.wait4 imports it, and loses its answer where it can't
        self._desk = desk = self._make_desk()
        waitpid = patch_waits(desk, self._patches)
        patch_functions(desk, self._patches)
        _child.install(desk.begin)
        self._switch.on = True
        self._arrivals = arrivals_of(desk, self._patches, waitpid)
        self._arrivals.watch()

    def uninstrument(self) -> None:
        """Put back exactly what was there; wrappers that others have taken become pass-throughs."""
        if self._desk is None or not self._switch.on:
            return
        if self._arrivals is not None:
            self._arrivals.stop()
        self._patches.undo()
        self.leaving()
        self.tick()
        self.turn_off()

    def turn_off(self) -> None:
        """Stop recording where the patches stay: each call goes straight to the original."""
        self._switch.on = False
        _child.install(None)

    def after_fork_in_child(self) -> None:
        """Forget what belongs to the parent."""
        if self._desk is not None:
            self._measures.forget()
            self._desk.drop_all()
            self._desk.teller.forget()

    def tick(self) -> None:
        """Look after children that nobody waits for, and hand what has been counted to the metrics."""
        if self._desk is not None and self._switch.on:
            self._desk.look()
            self._measures.write()
            if self._arrivals is not None:
                self._arrivals.look()

    def leaving(self) -> None:
        """End the spans of children that go on without this process."""
        if self._desk is not None and self._switch.on:
            self._desk.leave()

    def _make_desk(self) -> Children:
        from opentelemetry.trace import SpanKind  # noqa: PLC0415  # loaded with the runtime

        from clientobs.record import span as record_span  # noqa: PLC0415

        record_span.bind()
        return Children(
            kind=SpanKind.CLIENT,
            switch=self._switch,
            meter=Meter("processes", too_much=self.turn_off),
            rules=RuleBook(self._config),
            inherited=Inherited(os.environ),
            doorstep=Doorstep(self._home),
            teller=Teller(self._config, self._measures, self._mounts.is_network),
        )
