"""What was read in log files as records of a run of the drain's own: redacted, then in the journal.

One run per entry of the configuration, since its service is the resource's. The run has no session: nobody
started or ended anything. Its loss is told like that of any run.
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from clientobs import _machine, semconv
from clientobs._clock import Clock
from clientobs._loss import LossLedger
from clientobs._version import __version__
from clientobs.journal.format import NO_CONTEXT, Kind, encode_payload
from clientobs.journal.records import LOG_FILES_ROLE
from clientobs.journal.writer import Journal, RunIdentity
from clientobs.privacy.pseudonym import installation_id, maker
from clientobs.privacy.redaction import Redactor

if TYPE_CHECKING:
    from clientobs.config.model import Config
    from clientobs.drain.logfiles.cursor import Mark
    from clientobs.drain.logfiles.entries import Entry
    from clientobs.drain.logfiles.grammar import Said
    from clientobs.journal.home import Home

__all__ = ["FILE_NOTE", "Voice"]

FILE_NOTE: Final = "log file"

_NO_SESSION: Final = ""


class Voice:
    """Records the entries of one service's log files."""

    def __init__(self, config: Config, home: Home, destination: str, service: str) -> None:
        self.loss = LossLedger()
        self.run = os.urandom(16).hex()
        self._redactor = Redactor(config.privacy, config.limits, self.loss, pseudonym=maker(home.secret))
        resource = {
            **dict(config.service.attributes),
            semconv.SERVICE_NAME: service,
            semconv.SERVICE_INSTANCE_ID: self.run,
            semconv.DEPLOYMENT_ENVIRONMENT_NAME: config.service.environment or "",
            semconv.APP_INSTALLATION_ID: installation_id(home.secret),
            semconv.TELEMETRY_DISTRO_NAME: "clientobs",
            semconv.TELEMETRY_DISTRO_VERSION: __version__,
            **_machine.attributes(),
        }
        identity = RunIdentity(
            run=self.run,
            session=_NO_SESSION,
            role=LOG_FILES_ROLE,
            destination=destination,
            version=__version__,
            resource=self._redactor.attributes({key: value for key, value in resource.items() if value}),
        )
        self._journal = Journal(home, identity, config=config.journal, clock=Clock(), loss=self.loss)

    def say(self, path: str, entry: Entry, said: Said, written: float) -> bool:
        """Record one entry, of the time that it says or else of `written`, seconds; say whether it landed."""
        observed = time.time_ns()
        attributes = {
            **said.attributes,
            semconv.LOG_FILE_PATH: path,
            semconv.LOG_FILE_NAME: os.path.basename(path),
        }
        payload = encode_payload(
            (
                int(written * 1e9) if said.time_ns is None else said.time_ns,
                observed,
                said.severity,
                said.severity_text,
                self._redactor.body(said.body),
                "",
                # The offset is a number of our own, and the path must be found again as it is (positions.py).
                {**self._redactor.attributes(attributes), semconv.LOG_FILE_OFFSET: entry.end},
                0,
                0,
                0,
                NO_CONTEXT,
                NO_CONTEXT,
                0,
            )
        )
        return self._journal.append(Kind.LOG, payload)

    def begin_file(self, mark: Mark | None) -> None:
        """Say which file the records that follow are from; `positions.py` reads that after a kill."""
        if mark is not None:
            # What is not known is left out: an older version may have to read it.
            self._journal.note(
                FILE_NOTE, {key: value for key, value in asdict(mark).items() if value is not None}
            )

    def tend(self) -> None:
        """Do what a journal needs now and then."""
        self._journal.tend()

    def close(self) -> None:
        """Write the clean close."""
        self._journal.close("exited", "drain")
