"""pyblish: what a publish says of itself, as `tool.outcome` of the span it runs in.

pyblish catches what plug-ins raise and hands results to callbacks; the tool around it sees no exception. A validator
that says no is a rejection, not a failure. One that breaks is: a NameError in it, a share that is gone. So is whatever
a collector, an extractor or an integrator raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._guarded import faults
from clientobs.record import recorder as _recorder
from clientobs.record.exceptions import error_type, report_exception, report_rejection
from clientobs.record.outcomes import outcome_of
from clientobs.record.sightings import NO_SPAN

if TYPE_CHECKING:
    from types import ModuleType

    from clientobs.instruments.patching import Switch

__all__ = ["MODULE", "PublishResults"]

MODULE: Final = "pyblish.plugin"
_SIGNAL: Final = "pluginProcessed"
_VALIDATORS: Final = (0.5, 1.5)
"""pyblish's own range: ValidatorOrder is 1, and each plug-in's order may be up to 0.5 beside it."""
_MOST_NAMES: Final = 32
_BREAKS: Final = (
    *(NameError, AttributeError, TypeError, ImportError, LookupError, SyntaxError, ArithmeticError, OSError),
    *(MemoryError, RecursionError, NotImplementedError, UnicodeError, EOFError, BufferError, ReferenceError),
)
"""What Python raises in code that is wrong or a machine that is; a validator that says no raises something else."""


class PublishResults:
    """The callback, registered with pyblish while the instrument is on."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._plugin: Any = None

    def register(self, module: ModuleType) -> None:
        """Register with a loaded pyblish."""
        self._plugin = module
        module.register_callback(_SIGNAL, self._processed)

    def deregister(self) -> None:
        """Take the callback back, if it is still there."""
        module, self._plugin = self._plugin, None
        if module is not None and self._processed in module.registered_callbacks().get(_SIGNAL, ()):
            module.deregister_callback(_SIGNAL, self._processed)

    def _processed(self, result: Any) -> None:
        try:
            error = result.get("error")
            if self._switch.on and isinstance(error, BaseException):
                _tell(error, result)
        except Exception as fault:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("exceptions.publish", fault)


def _tell(error: BaseException, result: dict[str, Any]) -> None:
    from opentelemetry.trace import StatusCode, get_current_span  # noqa: PLC0415  # loaded with the SDK

    recorder = _recorder.active()
    span: Any = get_current_span()
    if recorder is None:
        return
    plugin = result.get("plugin")
    name = str(getattr(plugin, "__name__", "?"))
    facts = {semconv.PUBLISH_PLUGIN: name}
    instance = getattr(result.get("instance"), "name", None)
    if isinstance(instance, str):
        facts[semconv.PUBLISH_INSTANCE] = instance
    known = (getattr(span, "attributes", None) or {}) if span.is_recording() else {}
    if _is_rejection(error, plugin, recorder.outcomes):
        names = [*known.get(semconv.PUBLISH_REJECTED_BY, ()), name]
        if known.get(semconv.TOOL_OUTCOME) != "failed":
            span.set_attribute(semconv.TOOL_OUTCOME, "rejected")
        span.set_attribute(semconv.PUBLISH_REJECTED_BY, list(dict.fromkeys(names))[:_MOST_NAMES])
        report_rejection(recorder, error, "publish", facts=facts, leaving=NO_SPAN)
        return
    span.set_attribute(semconv.TOOL_OUTCOME, "failed")
    span.set_attribute(semconv.ERROR_TYPE, error_type(error))
    span.set_status(StatusCode.ERROR, f"{name}: {error_type(error)}")
    fault = report_exception(
        recorder, error, "publish", facts=facts, follows=known.get(semconv.FAULT_ID), leaving=NO_SPAN
    )
    span.set_attribute(semconv.FAULT_ID, fault)


def _is_rejection(error: BaseException, plugin: Any, rules: Any) -> bool:
    if outcome_of(error, rules) == "rejected":
        return True
    order = getattr(plugin, "order", None)
    is_validator = isinstance(order, (int, float)) and _VALIDATORS[0] <= order < _VALIDATORS[1]
    return is_validator and not isinstance(error, _BREAKS)
