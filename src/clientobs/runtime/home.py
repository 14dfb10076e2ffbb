"""Which folder the journal is in: chosen in one way, for a host that starts and for the doctor."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from clientobs.errors import JournalError
from clientobs.journal.home import prepare
from clientobs.paths.folders import choose_home, home_candidates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientobs.config.model import Config
    from clientobs.journal.home import Home
    from clientobs.paths.folders import HomeChoice
    from clientobs.paths.mounts import MountTable

__all__ = ["choose", "home_of"]


def choose(config: Config, environ: Mapping[str, str], mounts: MountTable) -> HomeChoice[Home]:
    """Return the first usable place, prepared, and why each one before it was refused."""
    uid = os.getuid() if hasattr(os, "getuid") else None
    candidates = home_candidates(environ, sys.platform, uid, config.journal.home)
    return choose_home(candidates, mounts.is_network, lambda path: prepare(path, uid=uid))


def home_of(config: Config, environ: Mapping[str, str], mounts: MountTable) -> Home:
    """Return the prepared home. Raises JournalError where no place is usable, with the reason of each."""
    choice = choose(config, environ, mounts)
    if choice.home is None:
        tried = "; ".join(f"{refusal.path}: {refusal.reason}" for refusal in choice.refused)
        raise JournalError(f"No folder for the journal ({tried}); set CLIENTOBS_HOME to one on local disk.")
    return choice.home
