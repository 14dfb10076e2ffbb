"""The instrument `http`: what is patched once `http.client` is there, and how it is put back."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, Final

from clientobs.instruments.arrivals import Arrivals
from clientobs.instruments.http.desk import Desk
from clientobs.instruments.http.hosts import Listed
from clientobs.instruments.http.measures import Measures
from clientobs.instruments.http.wrappers import CONNECTION, RESPONSE, wrap_connect
from clientobs.instruments.lifecycle import Lifecycle
from clientobs.instruments.patching import dressed

if TYPE_CHECKING:
    from types import ModuleType

    from clientobs.instruments.registry import Surroundings

__all__ = ["HttpInstrument"]

_TRACER: Final = "clientobs.instruments.http"
_MOST_CLASSES: Final = 64
"""Classes with a `connect` of their own that are patched: more are made by the call, and would never go."""


class HttpInstrument(Lifecycle):
    """Sees the HTTP requests of this process."""

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__()
        self._surroundings = surroundings
        self._measures = Measures()
        self._arrivals = Arrivals({"http.client": self._patch})
        self._desk: Desk | None = None
        self._base: type | None = None
        self._seen: set[type] = set()
        self._tracer: tuple[Any, Any] = (None, None)

    def _begin(self) -> None:
        """Patch `http.client` if it is loaded, else as soon as it is."""
        self._desk = self._make_desk()
        self._arrivals.watch()

    def _stop(self) -> None:
        self._arrivals.stop()

    def _finish(self) -> None:
        self._seen.clear()
        self.leaving()
        self._measures.write()

    def _pause(self) -> None:
        self.leaving()

    def leaving(self) -> None:
        """End the spans of requests that are open: the process ends, or becomes another program."""
        if self._desk is not None:
            self._desk.end_all()

    def after_fork_in_child(self) -> None:
        """Forget what belongs to the parent."""
        if self._desk is not None:
            self._measures.forget()
            self._desk.begin_anew()

    def _look(self) -> None:
        """Hand what has been counted to the metrics."""
        self._arrivals.look()
        self._measures.write()

    def _make_desk(self) -> Desk:
        # Loaded with the runtime:
        from opentelemetry import context as context_api  # noqa: PLC0415

        from clientobs.record import span as record_span  # noqa: PLC0415

        record_span.bind()
        around = self._surroundings
        return Desk(
            switch=self._switch,
            meter=self._metered("http"),
            measures=self._measures,
            listed=Listed(around.config.privacy.propagate_to),
            get_current=record_span._get_current,  # noqa: SLF001  # bound once for all of us, see span.bind
            span_key=record_span._SPAN_KEY,  # noqa: SLF001  # the same
            suppressed=(
                context_api._SUPPRESS_INSTRUMENTATION_KEY,  # noqa: SLF001  # opentelemetry.instrumentation.utils
                context_api._SUPPRESS_HTTP_INSTRUMENTATION_KEY,  # noqa: SLF001  # has no other names for them
                "suppress_instrumentation",
            ),
            tracer=self._tracer_of_now,
            now=around.now,
            meet=self._patch_connect,
        )

    def _tracer_of_now(self) -> Any:
        from opentelemetry import trace  # noqa: PLC0415  # loaded with the runtime

        provider = trace.get_tracer_provider()  # an application may set its own at any time
        if provider is not self._tracer[0]:
            self._tracer = (provider, provider.get_tracer(_TRACER))
        return self._tracer[1]

    def _patch(self, client: ModuleType) -> None:
        desk = self._desk
        if desk is None:
            return
        self._base = client.HTTPConnection
        for owner, wraps in ((client.HTTPConnection, CONNECTION), (client.HTTPResponse, RESPONSE)):
            for name, wrap in wraps.items():
                original = vars(owner)[name]
                self._patches.replace(owner, name, original, dressed(wrap(original, desk), original))
        for kind in _below(client.HTTPConnection):
            self._patch_connect(kind)

    def _patch_connect(self, kind: type) -> None:
        """Patch `connect` of a class of connections, and of those between it and the base, where they have one."""
        for owner in kind.__mro__:
            if owner is self._base:
                return
            original = vars(owner).get("connect")
            if (
                isinstance(original, types.FunctionType)
                and owner not in self._seen
                and self._desk is not None
            ):
                if len(self._seen) >= _MOST_CLASSES:
                    return
                self._seen.add(owner)
                wrapper = dressed(wrap_connect(original, self._desk), original)
                self._patches.replace(owner, "connect", original, wrapper)


def _below(kind: type) -> list[type]:
    own: list[type] = type.__subclasses__(kind)
    return [*own, *(each for one in own for each in _below(one))]
