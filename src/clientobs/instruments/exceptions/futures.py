"""concurrent.futures: the exception of a task that nobody asked for.

`pool.submit(export, shot)` keeps the exception in the future. Where nobody calls `result()`, it is gone with it: no
hook, no line on any console. It is told when the future is dropped or the session ends, as asyncio does with its
tasks. Patched are `Future.set_exception`, which only tasks that fail come to, and `Future.exception`. `result()` isn't:
whoever has called it has left its frame in the traceback. One mistake in a hundred tasks has one headline.
"""

from __future__ import annotations

import weakref
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._guarded import faults
from clientobs.instruments.patching import dressed
from clientobs.record.behind import trace_of
from clientobs.record.rates import Rates
from clientobs.record.threads import thread_facts

if TYPE_CHECKING:
    from types import CodeType, ModuleType

    from clientobs.instruments.exceptions.desk import Desk
    from clientobs.instruments.patching import Patches, Switch

__all__ = ["MODULE", "Futures"]

MODULE: Final = "concurrent.futures._base"
_PLACE: Final = "_clientobs_unseen"
_MAX_WALK: Final = 2_000
_MOST: Final = 256
_WINDOW: Final = 60.0
_TRIES: Final = 5
_PER_MINUTE: Final = 60


class _Unseen:
    """Lies in a future beside its exception, and ends with it."""

    __slots__ = ("__weakref__", "context", "error", "facts", "home", "raised", "traced")

    def __init__(self, home: Futures, error: BaseException, raised: int) -> None:
        self.home = home
        self.error: BaseException | None = error
        self.raised = raised
        """How often the exception had come out of a future before."""
        self.traced = trace_of(error) is not None
        self.context = _current_context()
        self.facts = thread_facts()

    def __del__(self) -> None:
        try:
            self.home.dropped(self)
        except (RecursionError, MemoryError):
            # Nothing is left to call a function with, and Python would print it.
            self.error = None
            faults.unrecorded += 1


class Futures:
    """Tells the exceptions of futures that nobody has asked for."""

    def __init__(self, switch: Switch, desk: Desk) -> None:
        self._switch = switch
        self._desk = desk
        self._raises: CodeType | None = None
        self._waiting: weakref.WeakSet[_Unseen] = weakref.WeakSet()
        self._told: dict[tuple[int, int, int], tuple[float, int]] = {}
        self._rates = Rates(_PER_MINUTE)

    def patch(self, module: ModuleType, patches: Patches) -> None:
        """Patch the class of futures, once it is loaded."""
        owner = module.Future
        self._raises = vars(owner)["_Future__get_result"].__code__
        for name, make in (("set_exception", self._wrap_set), ("exception", self._wrap_asked)):
            original = getattr(owner, name)
            patches.replace(owner, name, original, dressed(make(original), original))

    def settle(self) -> None:
        """Tell what is left: the session ends, and with it all who could ask."""
        for unseen in self._all():
            self.dropped(unseen)

    def forget(self) -> None:
        """Begin anew, in a forked child: what waits is the parent's."""
        for unseen in self._all():
            unseen.error = None
        self._waiting = weakref.WeakSet()
        self._told = {}
        self._rates = Rates(_PER_MINUTE)

    def dropped(self, unseen: _Unseen) -> None:
        """Tell the exception, unless somebody had it."""
        error, unseen.error = unseen.error, None
        if error is None or not self._switch.on:
            return
        try:
            place = _place_of(error)
            # Who has taken its traceback away had it in hand, too.
            was_stripped = unseen.traced and trace_of(error) is None
            was_seen = was_stripped or self._times_raised(error) > unseen.raised
            told_at, told = self._told.get(place, (-_WINDOW, 0))
            # One that somebody had, and that went on into a future of its own: it is that one again.
            is_told = monotonic() - told_at < _WINDOW and told != id(error)
            self._remember(place, id(error) if was_seen else 0)
            if was_seen:
                return
            # To tell one takes 0.1 ms of whoever drops it, or of the host's end.
            before = self._rates.admit(place)
            if before < 0:
                self._desk.left_out()
                return
            facts = {**unseen.facts, semconv.LEFT_OUT: before} if before else unseen.facts
            self._desk.report_unseen(error, facts, context=unseen.context, headline=not is_told)
        except Exception as fault:  # noqa: BLE001  # the wall: nobody is there to see what is raised here
            faults.record("exceptions.futures", fault)

    def _all(self) -> list[_Unseen]:
        for _ in range(_TRIES):
            try:
                return list(self._waiting)
            except RuntimeError:  # a worker has failed meanwhile
                continue
        return []

    def _remember(self, place: tuple[int, int, int], seen: int) -> None:
        self._told[place] = monotonic(), seen
        while len(self._told) > _MOST:
            self._told.pop(next(iter(self._told)), None)

    def _wrap_set(self, original: Any) -> Any:
        def set_exception(future: Any, *args: Any, **named: Any) -> Any:
            error = args[0] if args else named.get("exception")
            # Before anybody is woken who may ask for it.
            watched = self._switch.on and isinstance(error, BaseException) and self._watch(future, error)
            del error
            try:
                return original(future, *args, **named)
            except BaseException:
                if watched:
                    _let_go(future)  # it was cancelled, or is done
                raise
            finally:
                del future, args, named  # a traceback would keep this frame, and it the exception

        return set_exception

    def _watch(self, future: Any, error: BaseException) -> bool:
        """Lay a witness beside the exception; False where there is none to lay, or one lies there already."""
        try:
            fields = getattr(future, "__dict__", None)
            if fields is None or _PLACE in fields:  # it has an exception: a second one is refused
                return False
            fields[_PLACE] = unseen = _Unseen(self, error, self._times_raised(error))
            self._waiting.add(unseen)
        except Exception as fault:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("exceptions.futures", fault)
            return False
        return True

    def _wrap_asked(self, original: Any) -> Any:
        def exception(future: Any, *args: Any, **named: Any) -> Any:
            found = original(future, *args, **named)
            _let_go(future)
            return found

        return exception

    def _times_raised(self, error: BaseException) -> int:
        trace, times = trace_of(error), 0
        for _ in range(_MAX_WALK):
            if trace is None:
                break
            times += trace.tb_frame.f_code is self._raises
            trace = trace.tb_next
        return times


def _let_go(future: Any) -> None:
    try:
        fields = getattr(future, "__dict__", None)
        unseen = fields.pop(_PLACE, None) if fields else None
        if unseen is not None:
            unseen.error = None
    except Exception as fault:  # noqa: BLE001  # the wall between telemetry and the host
        faults.record("exceptions.futures", fault)


def _place_of(error: BaseException) -> tuple[int, int, int]:
    """Return class and innermost line, as numbers: what one mistake in many tasks has in common."""
    trace = trace_of(error)
    for _ in range(_MAX_WALK):
        if trace is None or trace.tb_next is None:
            break
        trace = trace.tb_next
    return (
        (id(type(error)), 0, 0)
        if trace is None
        else (id(type(error)), id(trace.tb_frame.f_code), trace.tb_lineno)
    )


def _current_context() -> Any:
    from opentelemetry.context import get_current  # noqa: PLC0415  # loaded with the SDK; keeps import light

    return get_current()
