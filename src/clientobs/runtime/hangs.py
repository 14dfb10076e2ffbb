"""The watch over hangs, put together: its notes go to the journal, its spans come from there."""

from __future__ import annotations

import marshal
import os
import threading
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._fork import Loading
from clientobs._guarded import quiet
from clientobs.guard.hang.watch import HangWatch, OpenSpan
from clientobs.guard.hang.work import kind_of
from clientobs.journal.records import HANG_NOTE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clientobs.config.model import Config
    from clientobs.journal.writer import Journal
    from clientobs.privacy.redaction import Redactor
    from clientobs.runtime.keeper import Keeper

__all__ = ["Hangs", "hangs_for"]

_MAX_SPANS: Final = 50


class Hangs:
    """One process's watch; all but `watch.beat` is called by the keeper."""

    def __init__(
        self,
        config: Config,
        kind: str,
        *,
        journal: Journal,
        redactor: Redactor,
        keeper: Callable[[], Keeper],
        production: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._journal = journal
        self._production = production
        self._run = ""
        self._dcc: dict[str, Any] = {}
        """What the spans that are open say of the application and its scene; the innermost wins."""
        self.watch = HangWatch(
            config.hangs,
            interactive=kind == "interactive",
            loops=kind != "farm" and config.session_kind != "batch",
            say=self._say,
            opened=self._opened,
            clean=redactor.text,
            pace=lambda quick: keeper().hurry(quick=quick),
            waits=_who_waits,
        )

    def tick(self) -> None:
        """Look once; the watch begins when the run has a folder."""
        if self._run != self._journal.run and os.path.isdir(self._journal.path):
            self._run = self._journal.run
            self.watch.begin(self._journal.path)
        self.watch.tick()

    def close(self) -> None:
        """End the watch, before the clean close of the run."""
        self._run = ""
        with quiet("hangs.close"):
            self.watch.close()

    def after_fork_in_child(self) -> None:
        """Watch anew, for the child's own run."""
        self._run = ""
        self.watch.after_fork_in_child()

    def _say(self, values: dict[str, Any], vital: bool) -> None:  # the protocol of the watch
        if values["at"] == "hung":
            values = {**values, "production": dict(self._production()), "dcc": self._dcc}
        self._journal.note(HANG_NOTE, values, "vital" if vital else "bulk")

    def _opened(self) -> tuple[object, list[OpenSpan]]:
        main = threading.main_thread().ident or 0
        opened = self._journal.open_on(main)
        self._dcc = {}
        return tuple(key for key, _ in opened), [self._read(*one) for one in opened[-_MAX_SPANS:]]

    def _read(self, key: object, payload: bytes) -> OpenSpan:
        """Read what a note tells of an open span; the tuple is that of `journal.records.SpanRecord`."""
        fields = marshal.loads(payload)  # noqa: S302  # written by this very process
        trace_id, span_id, name, flags, context = fields[0], fields[1], fields[3], fields[5], fields[7]
        attributes = fields[11]
        self._dcc.update(
            {each: attributes[each] for each in attributes if each.startswith(semconv.DCC_PREFIX)}
        )
        return OpenSpan(
            key=key,
            name=name,
            work=kind_of(name, attributes),
            values={
                "trace_id": trace_id,
                "span_id": span_id,
                "name": name,
                "flags": flags,
                "context": context,
                "start_mono": fields[10],
            },
        )


def _who_waits(frames: dict[int, Any], names: dict[int, str]) -> tuple[list[str], bool]:
    with Loading():
        from clientobs.guard.hang.waits import who_waits  # noqa: PLC0415  # `dis`: where threads hang, not before

    return who_waits(frames, names)


def hangs_for(config: Config, kind: str, **parts: Any) -> Hangs | None:
    """Return the watch, None where the configuration wants none."""
    return Hangs(config, kind, **parts) if config.hangs.enabled else None
