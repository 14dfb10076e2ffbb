"""Where the journal is, whether on local disk, private, and with room to grow."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from clientobs.paths.mounts import MountTable
from clientobs.runtime.home import choose
from clientobs.runtime.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs.journal.home import Home
    from clientobs.paths.folders import Refusal
    from clientobs.runtime.checks.patient import Patient
    from clientobs.runtime.report import Level

__all__ = ["check", "find_home"]

_SECTION = "journal"
_MIB, _GIB = 1 << 20, 1 << 30


def find_home(patient: Patient) -> Home | None:
    """Return the home that a host with these settings would use, prepared as a host would."""
    return choose(patient.resolved.config, patient.environ, MountTable.of_this_machine()).home


def check(patient: Patient) -> Iterator[Finding]:
    """Yield which places were refused, where the journal is, and how much room there is."""
    mounts = MountTable.of_this_machine()
    choice = choose(patient.resolved.config, patient.environ, mounts)
    for refusal in choice.refused:
        yield _refused(refusal, patient.resolved.config.journal.home)
    home = choice.home
    if home is None:
        yield Finding(
            section=_SECTION,
            level="problem",
            text="there is no folder for the journal: nothing is recorded",
            remedy="set CLIENTOBS_HOME to a folder on local disk that this user can write to",
        )
        return
    mount = mounts.locate(home.path)
    storage = f" ({mount.fstype} at {mount.point})" if mount is not None else ""
    yield Finding(
        section=_SECTION,
        level="good",
        text=f"{home.path}{storage}, private to this user",
        facts={"home": home.path, "storage": mount.kind if mount is not None else "unknown"},
    )
    if mount is not None and mount.kind == "tmpfs":
        yield Finding(
            section=_SECTION,
            level="warning",
            text=f"{mount.point} is in memory: what is not delivered is lost at a reboot",
            remedy="set CLIENTOBS_HOME to a folder on disk; in a container, see CLIENTOBS_EXIT_FLUSH",
        )
    yield from _room(patient, home.path)


def _refused(refusal: Refusal, named: str | None) -> Finding:
    # A place of the platform that can't be used is ordinary: an NFS home. One that somebody named is not.
    level: Level = "problem" if refusal.path == named else "note"
    remedy = "name a folder on local disk that belongs to this user, or none" if refusal.path == named else ""
    text = f"{refusal.path} is not used: {refusal.reason}"
    return Finding(section=_SECTION, level=level, text=text, remedy=remedy)


def _room(patient: Patient, path: str) -> Iterator[Finding]:
    free = shutil.disk_usage(path).free
    floor = patient.resolved.config.journal.free_floor_bytes
    facts = {"free_bytes": free, "floor_bytes": floor}
    if free < floor:
        yield Finding(
            section=_SECTION,
            level="problem",
            text=f"only {_size(free)} are free: below {_size(floor)} nothing is recorded",
            remedy="make room, or lower journal.free_floor_bytes",
            facts=facts,
        )
        return
    yield Finding(section=_SECTION, level="good", text=f"{_size(free)} free", facts=facts)


def _size(count: int) -> str:
    return f"{count / _GIB:.1f} GiB" if count >= _GIB else f"{count // _MIB} MiB"
