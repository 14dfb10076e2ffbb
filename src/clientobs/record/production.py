"""`clientobs.context` and `clientobs.set_context`: which show, shot, asset, task the work belongs to.

The production context is on every span and log inside it, and goes to children and farm jobs through the
environment (carrier.py), never in an HTTP header: show names are under NDA.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._guarded import faults, guarded
from clientobs.errors import ConfigError
from clientobs.pipeline.context import EMPTY, OVERLAY_KEY
from clientobs.record import recorder as _recorder
from clientobs.record import span as _span

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["attribute_names", "context", "set_context"]

_NAMES: Final = {
    "workfile_version": semconv.WORKFILE_VERSION,
    "publish_version": semconv.PUBLISH_VERSION,
    "entity_type": semconv.PRODUCTION_ENTITY_TYPE,
    "entity_id": semconv.PRODUCTION_ENTITY_ID,
    "tool_name": semconv.TOOL_NAME,
    "tool_version": semconv.TOOL_VERSION,
}


def attribute_names(production: dict[str, Any]) -> dict[str, Any]:
    """Return keyword arguments under their attribute names; None values are left out.

    >>> attribute_names({"shot": "sq010_sh020", "workfile_version": 12, "dcc.name": "maya", "task": None})
    {'production.shot': 'sq010_sh020', 'workfile.version': 12, 'dcc.name': 'maya'}
    """
    return {
        _NAMES.get(key) or (key if "." in key else f"production.{key}"): value
        for key, value in production.items()
        if value is not None
    }


class context:  # noqa: N801  # reads as a statement: `with clientobs.context(shot="sq010_sh020"):`
    """Put a production context around the block; contexts nest, the inner value wins.

    Names: project, episode, sequence, shot, asset, step, task, entity_type, entity_id, user,
    workfile_version, publish_version; any other becomes production.NAME, one with a dot stays as it is.

    >>> with context(project="demo", shot="sq010_sh020"):
    ...     pass
    """

    __slots__ = ("_entered", "_production")

    def __init__(self, /, *unnamed: Any, **production: Any) -> None:
        if unnamed:
            raise _refused("context", unnamed[0])
        self._production = production
        self._entered: dict[int, tuple[Any, Any]] = {}

    def __enter__(self) -> None:
        recorder = _recorder.active()
        if recorder is None:
            return
        try:
            current = _span._get_current()  # noqa: SLF001  # bound once for this package, see span.bind
            values = recorder.redactor.attributes(attribute_names(self._production))
            overlay = current.get(OVERLAY_KEY, EMPTY).with_values(values)
            laid = _span._Context({**current, OVERLAY_KEY: overlay})  # noqa: SLF001
            try:
                self._entered[id(laid)] = (laid, _span._attach(laid))  # noqa: SLF001
            except BaseException:  # Ctrl-C between the two steps: the token is lost
                _span._attach(current)  # noqa: SLF001
                raise
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("context.enter", error)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._entered:
                self._leave()
        except Exception as fault:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("context.exit", fault)
        except BaseException:  # Ctrl-C at this very moment
            self._leave()
            raise

    def _leave(self) -> None:
        # One object may be entered again inside itself, or on several threads: each leaves its own.
        mine = self._entered.get(id(_span._get_current()))  # noqa: SLF001
        if mine is None:
            left = list(self._entered.values())
            if not left:
                return
            mine = left[-1]
        _span._detach(mine[1])  # noqa: SLF001
        self._entered.pop(id(mine[0]), None)  # afterwards: a Ctrl-C in between leaves it for another try


def _refused(call: str, given: object) -> ConfigError:
    return ConfigError(
        f'{call}(<{type(given).__name__}>) has no name; use named values such as shot="sq010_sh020"'
    )


def set_context(*unnamed: Any, **production: Any) -> None:
    """Set the production context of the whole process from now on: a scene was opened, a task was changed.

    Values are merged into what is set; None takes one off. Spans that are open keep what they began with.

    >>> set_context(project="demo", shot="sq010_sh030")
    """
    if unnamed:
        raise _refused("set_context", unnamed[0])
    _set_context(production)


@guarded("set_context", default=None)
def _set_context(production: dict[str, Any]) -> None:
    recorder = _recorder.active()
    if recorder is None:
        return
    values = dict(recorder.contexts.base)
    for key in attribute_names(dict.fromkeys((k for k, v in production.items() if v is None), "")):
        values.pop(key, None)
    values.update(recorder.redactor.attributes(attribute_names(production)))
    recorder.contexts.set_base(values)
