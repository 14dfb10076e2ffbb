"""Set, join or honour the global OpenTelemetry providers.

Three cases, for each signal apart:

- nobody set one: ours is set, without closing the door. The API lets a provider be set once and refuses the
  second with a warning, so that a tool that sets its own after us would lose its telemetry. The `Once` behind
  that rule is replaced by one that still has its turn to give, and tells us when somebody takes it;
- the application set the SDK's before us: our processors join it; ids and sampling are then the application's;
- the application set something else (no `add_span_processor`): it is left alone, and what clientobs itself
  records goes through our own providers.

`release` undoes the first case; processors that joined become silent with the runtime.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.util._once import Once

from clientobs._dataclass import dataclass
from clientobs._guarded import quiet

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SLOTS", "GlobalProvider", "Slot"]


@dataclass(frozen=True, slots=True)
class Slot:
    """Where the API keeps the global provider of one signal."""

    signal: str
    module: str
    provider: str
    once: str
    variable: str
    add_processor: str


SLOTS: Final = {
    "traces": Slot(
        "traces",
        "opentelemetry.trace",
        "_TRACER_PROVIDER",
        "_TRACER_PROVIDER_SET_ONCE",
        "OTEL_PYTHON_TRACER_PROVIDER",
        "add_span_processor",
    ),
    "logs": Slot(
        "logs",
        "opentelemetry._logs._internal",
        "_LOGGER_PROVIDER",
        "_LOGGER_PROVIDER_SET_ONCE",
        "OTEL_PYTHON_LOGGER_PROVIDER",
        "add_log_record_processor",
    ),
    "metrics": Slot(
        "metrics",
        "opentelemetry.metrics._internal",
        "_METER_PROVIDER",
        "_METER_PROVIDER_SET_ONCE",
        "OTEL_PYTHON_METER_PROVIDER",
        "",
    ),
}


class _OpenOnce(Once):
    """Gives its one turn to the first who sets a provider after us, and calls back."""

    def __init__(self, taken: Callable[[], None]) -> None:
        super().__init__()
        self._taken = taken

    def do_once(self, func: Callable[[], None]) -> bool:
        """Run `func` if nobody did before; then tell us."""
        ran = super().do_once(func)
        if ran:
            with quiet("providers.taken"):
                self._taken()
        return ran


class GlobalProvider:
    """One signal's global provider, as the three cases of the module's docstring want it."""

    def __init__(self, slot: Slot, own: Any, processor: Any) -> None:
        self.own = own
        self.current = own
        """The provider that clientobs itself records through."""
        self.on_change: Callable[[Any], None] | None = None
        self._slot = slot
        self._processor = processor
        self._module = importlib.import_module(slot.module)
        self._placed = False

    def place(self) -> None:
        """Set ours, or join the one that is there."""
        theirs = getattr(self._module, self._slot.provider)
        if theirs is not None:
            self._join(theirs)
            return
        # The proxies of the API look at this global at each call, as after set_*_provider. The instruments
        # that a meter proxy handed out before us want to be told as well.
        self._module.__dict__[self._slot.provider] = self.own
        self._module.__dict__[self._slot.once] = _OpenOnce(self._taken)
        self._placed = True
        proxy = getattr(self._module, "_PROXY_METER_PROVIDER", None)
        if proxy is not None and getattr(proxy, "_meters", None):
            proxy.on_set_meter_provider(self.own)

    def release(self) -> None:
        """Take ours out where it still is the global one."""
        if self._placed and getattr(self._module, self._slot.provider) is self.own:
            self._module.__dict__[self._slot.provider] = None
            self._module.__dict__[self._slot.once] = Once()
        self._placed = False

    def _taken(self) -> None:
        if self._placed:
            self._placed = False
            self._join(getattr(self._module, self._slot.provider))

    def _join(self, theirs: Any) -> None:
        add = getattr(theirs, self._slot.add_processor, None) if self._slot.add_processor else None
        if add is None or theirs is self.own:
            return
        add(self._processor)
        self.current = theirs
        if self.on_change is not None:
            self.on_change(theirs)
