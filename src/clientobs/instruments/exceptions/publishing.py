"""pyblish: what a publish says of itself, as `tool.outcome` of the span it runs in.

pyblish catches what plug-ins raise and hands results to callbacks; the tool around it sees no exception. A validator
that says no is a rejection, not a failure. One that breaks is: a NameError in it, a share that is gone. So is whatever
a collector, an extractor or an integrator raises.

Told on the span that is current when pyblish hands over a result: the one that the tool has opened around
`pyblish.util.publish()`, or around its own loop. A tool that has opened none gets one named "publish"; in a loop of
its own without a span, the records of the plug-ins say the outcome. A plug-in with a span of its own is asked for
whose turn it is by the stack: what a validator raises is a rejection there too.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._guarded import faults
from clientobs.instruments.patching import dressed
from clientobs.record import recorder as _recorder
from clientobs.record.exceptions import error_type, report_exception, report_rejection
from clientobs.record.outcomes import judges, outcome_of
from clientobs.record.sightings import NO_SPAN
from clientobs.record.span import span

if TYPE_CHECKING:
    from types import FrameType, ModuleType

    from clientobs.instruments.patching import Switch
    from clientobs.record.outcomes import Outcome

__all__ = ["MODULE", "UTIL_MODULE", "PublishResults", "wrap_publish"]

MODULE: Final = "pyblish.plugin"
UTIL_MODULE: Final = "pyblish.util"
_SPAN: Final = "publish"
_RUNNERS: Final = frozenset({"__explicit_process", "__implicit_process"})
_DEEPEST: Final = 200
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
    """What is registered with pyblish, and asked by spans, while the instrument is on."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._plugin: Any = None

    def register(self, module: ModuleType) -> None:
        """Register with a loaded pyblish."""
        self._plugin = module
        module.register_callback(_SIGNAL, self._processed)
        judges.append(self._judge)

    def deregister(self) -> None:
        """Take the callback back, if it is still there."""
        module, self._plugin = self._plugin, None
        if self._judge in judges:
            judges.remove(self._judge)
        if module is not None and self._is_registered(module):
            module.deregister_callback(_SIGNAL, self._processed)

    def look(self) -> None:
        """Register again after somebody's deregister_all_callbacks()."""
        module = self._plugin
        if module is not None and not self._is_registered(module):
            module.register_callback(_SIGNAL, self._processed)

    def _is_registered(self, module: Any) -> bool:
        return self._processed in module.registered_callbacks().get(_SIGNAL, ())

    def _processed(self, result: Any) -> None:
        try:
            error = result.get("error")
            if self._switch.on and isinstance(error, BaseException):
                _tell(error, result)
        except Exception as fault:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("exceptions.publish", fault)

    def _judge(self, error: BaseException) -> Outcome | None:
        """Say that an exception is a rejection where it leaves a span within a validator, before pyblish has it."""
        recorder = _recorder.active()
        try:
            plugin = _plugin_under_way()
            if self._switch.on and recorder is not None and plugin is not None:
                return "rejected" if _is_rejection(error, plugin, recorder.outcomes) else None
        except Exception as fault:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("exceptions.publish", fault)
        return None


def _plugin_under_way() -> Any:
    """Return the plug-in that pyblish runs on this thread: it says so nowhere but on the stack."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # see above
    for _ in range(_DEEPEST):
        if frame is None:
            return None
        if frame.f_code.co_name in _RUNNERS and frame.f_globals.get("__name__") == MODULE:
            return frame.f_locals.get("plugin")
        frame = frame.f_back
    return None


def wrap_publish(original: Any, switch: Switch) -> Any:
    """Return `pyblish.util.publish` in a span of its own where the tool has opened none around it."""

    def publish(*args: Any, **named: Any) -> Any:
        if not switch.on or _is_in_a_span():
            return original(*args, **named)
        with span(_SPAN):
            return original(*args, **named)

    return dressed(publish, original)


def _is_in_a_span() -> bool:
    try:
        from opentelemetry.trace import get_current_span  # noqa: PLC0415  # loaded with the SDK

        return get_current_span().is_recording()
    except Exception as fault:  # noqa: BLE001  # the wall between telemetry and the host
        faults.record("exceptions.publish", fault)
        return True


def _tell(error: BaseException, result: dict[str, Any]) -> None:
    from opentelemetry.trace import StatusCode, get_current_span  # noqa: PLC0415  # loaded with the SDK

    recorder = _recorder.active()
    current: Any = get_current_span()
    if recorder is None:
        return
    plugin = result.get("plugin")
    name = str(getattr(plugin, "__name__", "?"))
    is_rejection = _is_rejection(error, plugin, recorder.outcomes)
    facts: dict[str, Any] = {semconv.PUBLISH_PLUGIN: name}
    instance = getattr(result.get("instance"), "name", None)
    if isinstance(instance, str):
        facts[semconv.PUBLISH_INSTANCE] = instance
    if not current.is_recording():  # a publisher with a loop of its own: the record is all there is to say it
        facts[semconv.TOOL_OUTCOME] = "rejected" if is_rejection else "failed"
    known = (getattr(current, "attributes", None) or {}) if current.is_recording() else {}
    if is_rejection:
        names = [*known.get(semconv.PUBLISH_REJECTED_BY, ()), name]
        if known.get(semconv.TOOL_OUTCOME) != "failed":
            current.set_attribute(semconv.TOOL_OUTCOME, "rejected")
        current.set_attribute(semconv.PUBLISH_REJECTED_BY, list(dict.fromkeys(names))[:_MOST_NAMES])
        report_rejection(recorder, error, "publish", facts=facts, leaving=NO_SPAN)
        return
    current.set_attribute(semconv.TOOL_OUTCOME, "failed")
    current.set_attribute(semconv.ERROR_TYPE, error_type(error))
    current.set_status(StatusCode.ERROR, f"{name}: {error_type(error)}")
    fault = report_exception(
        recorder, error, "publish", facts=facts, follows=known.get(semconv.FAULT_ID), leaving=NO_SPAN
    )
    current.set_attribute(semconv.FAULT_ID, fault)


def _is_rejection(error: BaseException, plugin: Any, rules: Any) -> bool:
    if outcome_of(error, rules) == "rejected":
        return True
    order = getattr(plugin, "order", None)
    is_validator = isinstance(order, (int, float)) and _VALIDATORS[0] <= order < _VALIDATORS[1]
    return is_validator and not isinstance(error, _BREAKS)
