"""The current context, as the wrappers of this instrument read and set it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clientobs._dataclass import dataclass
from clientobs.record import span as _span

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.instruments.patching import Switch

__all__ = ["Current"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """What the wrappers need, in one object: they hold no module whose names the interpreter clears at its end."""

    switch: Switch
    get: Callable[[], Any]
    attach: Callable[[Any], Any]
    detach: Callable[[Any], None]

    @classmethod
    def of(cls, switch: Switch) -> Current:
        """Bind to the SDK that is loaded by now."""
        _span.bind()
        return cls(
            switch=switch,
            get=_span._get_current,  # noqa: SLF001  # bound once for all of us, see span.bind
            attach=_span._attach,  # noqa: SLF001
            detach=_span._detach,  # noqa: SLF001
        )

    def worth_keeping(self) -> Any:
        """Return the current context, or None where there is nothing in it or nothing is recorded."""
        return (self.get() or None) if self.switch.on else None
