"""Which journal home the commands look at: the one that a host with these settings would choose."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from clientobs.errors import NoJournalError
from clientobs.journal.format import FORMAT_MAJOR
from clientobs.paths.folders import home_candidates
from clientobs.paths.mounts import MountTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientobs.config.model import Config

__all__ = ["existing_home", "runs_folder"]


def existing_home(config: Config, environ: Mapping[str, str]) -> str:
    """Return the first home that holds a journal; looking creates nothing, and touches no network storage.

    Raises NoJournalError where there is none yet.
    """
    uid = os.getuid() if hasattr(os, "getuid") else None
    named = config.journal.home
    # A home that somebody named is the one they mean, also while it is empty.
    candidates = [named] if named else home_candidates(environ, sys.platform, uid)
    mounts = MountTable.of_this_machine()
    for candidate in candidates:
        if not mounts.is_network(candidate) and os.path.isdir(runs_folder(candidate)):
            return candidate
    raise NoJournalError(
        f"nothing has been recorded yet: there is no journal in {' or '.join(candidates)}. "
        "Try `clientobs demo`, or `clientobs run -- python your_script.py`."
    )


def runs_folder(home: str) -> str:
    """Return the folder of run folders of a home."""
    return os.path.join(home, f"v{FORMAT_MAJOR}")
