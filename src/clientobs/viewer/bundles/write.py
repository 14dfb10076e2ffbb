"""Write the last minutes of a home's journals into a bundle, within a size."""

from __future__ import annotations

import json
import os
import re
import stat
import time
import zipfile
import zlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._version import __version__
from clientobs.errors import BundleError
from clientobs.viewer.bundles.lines import line_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clientobs.viewer.model import Log, Run, Span
    from clientobs.viewer.recordings import Recordings

__all__ = ["ATTACHMENT", "FORMAT", "LARGEST_MEMBER", "Made", "write_bundle"]

FORMAT: Final = 1
LARGEST_MEMBER: Final = 64 * 1024 * 1024
"""Bytes, unpacked: a segment has 1 MiB, and some of its records more text than bytes."""
ATTACHMENT: Final = re.compile(r"[A-Z0-9]{3}-[A-Z0-9]{3}\.png")
_FAULT_FILE: Final = "fault.txt"
_MOST_FAULT: Final = 262_144
_MOST_PICTURE: Final = 16 * 1024 * 1024
_SLACK_NS: Final = 2 * 10**9
"""File systems stamp files with a clock that is late: some by milliseconds, FAT by two seconds."""
_ROOM: Final = 65_536
"""Bytes kept free for the manifest and the directory at the end."""
_IDS: Final = (semconv.SESSION_ENVIRONMENT_ID, semconv.SESSION_PACKAGES_ID)
_NOFOLLOW: Final = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)


@dataclass(slots=True, kw_only=True)
class Made:
    """What a bundle holds. `left_out` counts segments and files that the size had no room for."""

    path: str
    size: int = 0
    runs: int = 0
    records: int = 0
    attachments: int = 0
    left_out: int = 0


@dataclass(slots=True, kw_only=True)
class _Bundle:
    archive: zipfile.ZipFile
    most: int
    since_ns: int
    made: Made
    contents: set[str] = field(default_factory=set)

    def add(self, name: str, data: bytes) -> bool:
        """Add a member where it surely fits; one that does not is counted."""
        room = self.most - _ROOM - (self.archive.fp.tell() if self.archive.fp is not None else 0)
        if len(data) > room and len(zlib.compress(data)) > room:
            self.made.left_out += 1
            return False
        self.archive.writestr(name, data)
        return True


def write_bundle(
    path: str,
    home: Recordings,
    *,
    since_ns: int,
    most_bytes: int,
    doctor: dict[str, Any],
    doctor_text: str,
    redact: Callable[[str], str],
) -> Made:
    """Write what `home` recorded since `since_ns`, newest first, into a new file of at most `most_bytes`.

    The records were redacted before they came to disk; `redact` cleans what was not: the stacks of a crash.
    Raises BundleError where the file can't be made.
    """
    now = time.time_ns()
    made = Made(path=path)
    part = f"{path}.part"
    _refuse_what_is_there(path)
    try:
        with open(part, "xb", opener=_private) as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                bundle = _Bundle(archive=archive, most=most_bytes, since_ns=since_ns, made=made)
                archive.writestr("doctor.json", json.dumps(doctor, indent=1, default=str))
                archive.writestr("doctor.txt", doctor_text)
                runs = _write_records(bundle, home)
                _write_files(bundle, home, runs, redact)
                manifest = {
                    "format": FORMAT,
                    "clientobs": __version__,
                    "made_ns": now,
                    "since_ns": bundle.since_ns,
                    "records": made.records,
                    "left_out": made.left_out,
                    "runs": [asdict(run) for run in runs.values()],
                }
                archive.writestr("manifest.json", json.dumps(manifest, indent=1, default=str))
            file.flush()
        made.size = os.stat(part).st_size
        os.replace(part, path)
    except FileExistsError as error:
        raise BundleError(f"{part} is there already; remove it, or name another file.") from error
    except OSError as error:
        _remove(part)
        raise BundleError(f"{path} can't be written ({error.strerror or error}).") from error
    except BaseException:
        _remove(part)
        raise
    made.runs = len(runs)
    return made


def _refuse_what_is_there(path: str) -> None:
    """Leave alone what is no bundle: a scene whose name was given by mistake, a device, a pipe."""
    try:
        kind = os.lstat(path).st_mode
    except OSError:
        return
    if stat.S_ISDIR(kind):
        raise BundleError(f"{path} is a folder; name a file in it.")
    if not stat.S_ISREG(kind):
        raise BundleError(f"{path} is no plain file; name another one.")
    if os.path.getsize(path) and not _is_bundle(path):
        raise BundleError(f"{path} is there already, and no bundle; name another file.")


def _is_bundle(path: str) -> bool:
    """Say whether a file is one of ours: a usdz is an archive as well."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {"manifest.json", "doctor.json"} <= set(archive.namelist())
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return False


def _write_records(bundle: _Bundle, home: Recordings) -> dict[str, Run]:
    """Write a member for each segment, and return the runs that have one."""
    runs: dict[str, Run] = {}
    listed = list(home.newest_first())
    since = bundle.since_ns - _SLACK_NS
    recent = {folder.run for folder, segment in listed if segment.mtime_ns >= since}
    # The vital lane first and whole: how a session began and what it runs under may be hours old.
    listed.sort(key=lambda pair: pair[1].lane != "vital")
    for folder, segment in listed:
        if folder.run not in recent or (segment.lane != "vital" and segment.mtime_ns < since):
            continue
        home.read(folder, segment)
        spans, logs = home.book.take()
        data = b"".join(line_of(item) for item in _recent(bundle, spans, logs))
        if not data:
            continue
        for log in logs:
            bundle.contents.update(
                str(log.record.attributes[key]) for key in _IDS if key in log.record.attributes
            )
        if len(data) > LARGEST_MEMBER:
            bundle.made.left_out += 1
        elif bundle.add(f"records/{folder.run}/{segment.lane}-{segment.number:06d}.jsonl", data):
            bundle.made.records += data.count(b"\n")
            if folder.run in home.runs:
                runs[folder.run] = home.runs[folder.run]
    return runs


def _recent(bundle: _Bundle, spans: list[Span], logs: list[Log]) -> Iterator[Span | Log]:
    since = bundle.since_ns
    for span in spans:
        if not span.ended or span.record.end_ns >= since:
            yield span
    for log in logs:
        if log.time_ns >= since or log.record.event_name in semconv.VITAL_EVENTS:
            yield log


def _write_files(
    bundle: _Bundle, home: Recordings, runs: dict[str, Run], redact: Callable[[str], str]
) -> None:
    for number in sorted(bundle.contents):
        content = home.content(number)
        if content:
            bundle.add(f"environments/{number}.json", json.dumps(content).encode("ascii"))
    for run in runs:
        folder = os.path.join(home.folder, run)
        fault = _read(os.path.join(folder, _FAULT_FILE), _MOST_FAULT)
        if fault:
            bundle.add(
                f"faults/{run}.txt", redact(fault.decode("utf-8", "replace")).encode("utf-8", "replace")
            )
        for name in _attachments(folder):
            data = _read(os.path.join(folder, name), _MOST_PICTURE)
            if data and bundle.add(f"attachments/{run}/{name}", data):
                bundle.made.attachments += 1


def _attachments(folder: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if ATTACHMENT.fullmatch(name))
    except OSError:
        return []


def _read(path: str, most: int) -> bytes:
    try:
        fd = os.open(path, _NOFOLLOW)
    except OSError:
        return b""
    with open(fd, "rb") as file:
        return file.read(most)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)


def _remove(path: str) -> None:
    if os.path.exists(path):
        os.unlink(path)
