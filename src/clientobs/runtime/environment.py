"""Under what a session runs: machine, variables and packages, told once per content and then referred to by id.

A farm's ten thousand tasks have the same two hundred variables and packages: stamping them on each session would be
most of what a task sends. So the home remembers which contents it has seen, each in a file named for its hash; a
session whose content is new carries it, every session carries the ids. A content is sent again after a week, since
back ends forget. The files hold the contents, for `clientobs diff-env` and for bundles of machines without a network.

Variables that are another's in each task or process (which frame, which trace) would make every content a new one:
they are told with each session, and don't count.

Looked at twice: when the session begins, and once more a minute later, when a host has loaded its plug-ins. All of
it on the keeper's thread.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from clientobs import _unwatched, semconv
from clientobs._own_file import write_file
from clientobs._own_folder import list_folder
from clientobs.privacy.environment import environment_attributes, recorded_variables
from clientobs.privacy.pseudonym import content_id
from clientobs.runtime.packages import find_packages
from clientobs.runtime.workplace import workplace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clientobs.config.model import PrivacyConfig
    from clientobs.privacy.redaction import Redactor
    from clientobs.runtime.packages import Packages
    from clientobs.runtime.session import SessionEvents

__all__ = ["SessionEnvironment"]

_AGAIN: Final = 7 * 24 * 3600.0
_MOST_REMEMBERED: Final = 256
_LOOKS: Final = 2
_PATIENCE: Final = 0.03
"""Seconds that the end of a session waits for a look that is under way."""
_MOST_UNREAD: Final = 32
_OF_ONE_TASK: Final = re.compile(
    r"TRACEPARENT|CUE_FRAME(_ID)?|DEADLINE_(SESSION|SESSIONACTION|TASK)_ID|TR_ENV_[JT]ID|OPENJD_SESSION_WORKING_DIR",
    re.IGNORECASE,
)
_OF_REZ: Final = re.compile(r"REZ_\w+_VERSION")


class SessionEnvironment:
    """What the keeper tells of a session's surroundings. `folder` holds the contents seen."""

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        policy: PrivacyConfig,
        redactor: Redactor,
        events: SessionEvents,
        folder: str,
        is_network: Callable[[str], bool],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._environ = environ
        self._policy = policy
        self._redactor = redactor
        self._events = events
        self._folder = folder
        self._is_network = is_network
        self._now = now
        self._turn = threading.Lock()
        self._looks = 0
        self._told = ("", "")

    def look(self) -> None:
        """Tell the environment the first time, and what has changed the second; a third look is none."""
        with self._turn:
            if self._looks < _LOOKS:
                self._look()

    def finish(self) -> None:
        """Tell it where nobody has yet: a tool that fails at once is one that somebody compares."""
        if self._turn.acquire(timeout=_PATIENCE):  # the keeper may be at it, or wait for a disk
            try:
                if not self._looks:
                    self._look()
            finally:
                self._looks = _LOOKS
                self._turn.release()

    def _look(self) -> None:
        """Emit session.environment, and session.packages where they are new here."""
        self._looks += 1
        variables = recorded_variables(self._environ, self._policy, self._redactor)
        once = {name: value for name, value in variables.items() if _OF_ONE_TASK.fullmatch(name)}
        packages = find_packages(sys.path, sys.modules, self._is_network, self._environ)
        if (
            packages.versions
        ):  # what rez resolved is among them: its variable for each would be half of the event
            variables = {name: value for name, value in variables.items() if not _OF_REZ.fullmatch(name)}
        lasting = {name: value for name, value in variables.items() if name not in once}
        ids = content_id(lasting), content_id(packages.versions)
        if ids == self._told:
            return
        self._told = ids
        self._tell_packages(ids[1], packages)
        attributes: dict[str, Any] = {
            semconv.SESSION_ENVIRONMENT_ID: ids[0],
            semconv.SESSION_PACKAGES_ID: ids[1],
            semconv.SESSION_PACKAGES_COUNT: len(packages.versions),
            **({semconv.SESSION_PACKAGES_UNREAD: packages.unread[:_MOST_UNREAD]} if packages.unread else {}),
            **workplace(self._environ),
            **environment_attributes(once),
        }
        new = not self._sent_lately(ids[0])
        if new:
            attributes.update(environment_attributes(lasting))
        self._events.environment(attributes, variables=len(variables), new=new)
        if new:
            self._remember(ids[0], {"variables": lasting})

    def _tell_packages(self, number: str, packages: Packages) -> None:
        if self._sent_lately(number):
            return
        self._events.packages(number, packages.versions)
        self._remember(number, {"packages": packages.versions})

    def _sent_lately(self, number: str) -> bool:
        try:
            found = _unwatched.stat(os.path.join(self._folder, number))
        except OSError:
            return False
        return bool(found.st_size > 0 and abs(self._now() - found.st_mtime) < _AGAIN)

    def _remember(self, number: str, content: Mapping[str, Any]) -> None:
        _unwatched.make_folder(self._folder)
        self._make_room()
        write_file(os.path.join(self._folder, number), json.dumps(content).encode("ascii"))

    def _make_room(self) -> None:
        paths = [os.path.join(self._folder, entry.name) for entry in list_folder(self._folder)]
        for path in sorted(paths, key=_written)[: max(0, len(paths) - _MOST_REMEMBERED + 1)]:
            _unwatched.unlink(path)


def _written(path: str) -> float:
    return float(_unwatched.stat(path, follow_symlinks=False).st_mtime)
