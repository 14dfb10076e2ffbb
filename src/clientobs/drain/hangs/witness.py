"""Records under the session of a host that can't speak for itself, in a run of the speaker's own.

The drain speaks so for a host that hangs, `clientobs report` for the one that an artist complains of. In the journal
and not in memory: a drain that is killed after it has seen a hang loses nothing of it.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final, Literal

from clientobs._clock import Clock
from clientobs._loss import LossLedger
from clientobs._version import __version__
from clientobs.journal.format import NO_CONTEXT, Kind, encode_payload
from clientobs.journal.records import WITNESS_ROLE
from clientobs.journal.writer import Journal, RunIdentity
from clientobs.privacy.pseudonym import maker
from clientobs.privacy.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientobs.config.model import Config
    from clientobs.drain.hangs.episode import OpenSpan
    from clientobs.journal.home import Home
    from clientobs.journal.records import Header

__all__ = ["Witness"]

_SEVERITIES: Final = {"info": (9, "INFO"), "warn": (13, "WARN"), "error": (17, "ERROR")}


class Witness:
    """Speaks for one host, known by the header of its run."""

    def __init__(self, config: Config, home: Home, header: Header) -> None:
        loss = LossLedger()
        self._redactor = Redactor(config.privacy, config.limits, loss, pseudonym=maker(home.secret))
        identity = RunIdentity(
            run=os.urandom(16).hex(),
            session=header.session,
            role=WITNESS_ROLE,
            destination=header.destination,
            version=__version__,
            resource=header.resource,
        )
        self._journal = Journal(home, identity, config=config.journal, clock=Clock(), loss=loss)

    def say(
        self,
        event: str,
        body: str,
        attributes: Mapping[str, Any],
        *,
        wall_ns: int,
        production: Mapping[str, Any],
        span: OpenSpan | None = None,
        severity: Literal["info", "warn", "error"] = "error",
    ) -> bool:
        """Record an event; say whether it landed. `production` was redacted by the host."""
        number, text = _SEVERITIES[severity]
        payload = encode_payload(
            (
                wall_ns,
                time.time_ns(),
                number,
                text,
                self._redactor.body(body),
                event,
                {**self._redactor.attributes(dict(attributes)), **production},
                span.trace_id if span else 0,
                span.span_id if span else 0,
                span.flags if span else 0,
                NO_CONTEXT,
                NO_CONTEXT,
                0,
            )
        )
        return self._journal.append(Kind.LOG, payload, "vital")

    @property
    def journal(self) -> Journal:
        """Where it is recorded."""
        return self._journal

    def close(self, by: str = "drain") -> None:
        """Write the clean close."""
        self._journal.close("exited", by)
