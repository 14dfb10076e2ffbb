"""Which folder the journal is in: chosen in one way, for a host that starts and for the doctor."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from clientobs._dataclass import dataclass
from clientobs.errors import JournalError
from clientobs.journal.home import prepare
from clientobs.paths.folders import choose_home, home_candidates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientobs.config.model import Config, JournalConfig
    from clientobs.journal.home import Home
    from clientobs.paths.folders import HomeChoice, Refusal
    from clientobs.paths.mounts import MountTable

__all__ = ["Place", "choose", "place_of"]

_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the journal is.

    `config` is the given one, its bounds fitted to the place; `in_memory` says that nobody chose memory and no disk
    would do, and `refused` why.
    """

    home: Home
    config: Config
    in_memory: bool
    refused: tuple[Refusal, ...]


def choose(config: Config, environ: Mapping[str, str], mounts: MountTable) -> HomeChoice[Home]:
    """Return the first usable place, prepared, and why each one before it was refused."""
    uid = os.getuid() if hasattr(os, "getuid") else None
    candidates = home_candidates(environ, sys.platform, uid, config.journal.home)
    return choose_home(candidates, mounts.is_network, lambda path: prepare(path, uid=uid))


def place_of(config: Config, environ: Mapping[str, str], mounts: MountTable) -> Place:
    """Return the journal's place. Raises JournalError where none is usable, with the reason of each."""
    choice = choose(config, environ, mounts)
    home = choice.home
    if home is None:
        raise JournalError(
            f"No folder for the journal ({told(choice.refused)}); set CLIENTOBS_HOME to one on local disk."
        )
    mount = mounts.locate(home.path)
    is_chosen = config.journal.home is not None and os.path.abspath(config.journal.home) == home.path
    in_memory = mount is not None and mount.kind == "tmpfs" and not is_chosen
    if in_memory:
        config = replace(config, journal=_small(config.journal))
    return Place(home=home, config=config, in_memory=in_memory, refused=choice.refused)


def told(refused: tuple[Refusal, ...]) -> str:
    """Return in one line which places were refused, and why."""
    return "; ".join(f"{refusal.path}: {refusal.reason}" for refusal in refused)


def _small(journal: JournalConfig) -> JournalConfig:
    """Return bounds for a journal in memory, which a host and its machine need for other things."""
    return replace(
        journal,
        bulk_bytes=min(journal.bulk_bytes, 24 * _MIB),
        vital_bytes=min(journal.vital_bytes, 4 * _MIB),
        keep_delivered_bytes=min(journal.keep_delivered_bytes, 4 * _MIB),
    )
