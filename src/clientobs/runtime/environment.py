"""The allow-listed environment of a session, sent once per content and then referred to by its id.

A farm's ten thousand tasks have the same two hundred variables: stamping them on each session would be most of
what a task sends. So the home remembers which contents it has seen, by an empty file named for their hash; a
session whose content is new carries the variables, every session carries the id. A content is sent again after
a week, since back ends forget.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._dataclass import dataclass
from clientobs.privacy.environment import environment_attributes, recorded_variables
from clientobs.privacy.pseudonym import content_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clientobs.config.model import PrivacyConfig
    from clientobs.privacy.redaction import Redactor
    from clientobs.runtime.session import SessionEvents

__all__ = ["SessionEnvironment"]

_AGAIN: Final = 7 * 24 * 3600.0
_MOST_REMEMBERED: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnvironment:
    """What the keeper tells of the environment, once a session. `folder` holds the ids seen."""

    environ: Mapping[str, str]
    policy: PrivacyConfig
    redactor: Redactor
    events: SessionEvents
    folder: str
    now: Callable[[], float] = time.time

    def tell(self) -> None:
        """Emit session.environment: the id, and the variables where this home hasn't sent them lately."""
        variables = recorded_variables(self.environ, self.policy, self.redactor)
        number = content_id(variables)
        attributes: dict[str, Any] = {semconv.SESSION_ENVIRONMENT_ID: number}
        path = os.path.join(self.folder, number)
        new = not self._sent_lately(path)
        if new:
            attributes.update(environment_attributes(variables))
        self.events.environment(attributes, variables=len(variables), new=new)
        if new:
            self._remember(path)

    def _sent_lately(self, path: str) -> bool:
        try:
            return abs(self.now() - os.stat(path).st_mtime) < _AGAIN
        except OSError:
            return False

    def _remember(self, path: str) -> None:
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        known = os.listdir(self.folder)
        for name in known[: max(0, len(known) - _MOST_REMEMBERED)]:
            os.unlink(os.path.join(self.folder, name))
        flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        os.close(os.open(path, flags, 0o600))
        os.utime(path)
