"""Read a bundle as if it were a journal. It comes by mail: nothing is unpacked to disk, and nothing is believed.

A bundle is refused as a whole if a name in it is not one of ours (a path out of the folder, a drive, a second entry
of one name), if it is encrypted, if its checksums are wrong, or if it unpacks to more than is allowed, whatever sizes
it claims. A line that is no record is left out and counted.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, Final

from clientobs.errors import BundleError
from clientobs.journal.records import LogRecord
from clientobs.journal.runs import RunFolder, SegmentFile
from clientobs.viewer.bundles.lines import parse
from clientobs.viewer.bundles.write import FORMAT, LARGEST_MEMBER
from clientobs.viewer.model import Run
from clientobs.viewer.recordings import Recordings, read_content

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BundledRecordings", "open_bundle"]

_MOST_MEMBERS: Final = 20_000
_LARGEST_FILE: Final = 512 * 1024 * 1024
_LARGEST_IN_ALL: Final = 1024 * 1024 * 1024
_MOST_LINES: Final = 100_000
_MOST_DAMAGED: Final = 10_000
_LARGEST_MANIFEST: Final = 16 * 1024 * 1024
_LARGEST_TIME: Final = (1 << 63) - 1
_NAMES: Final = re.compile(
    r"manifest\.json|doctor\.(?:json|txt)"
    r"|records/(?P<run>[0-9a-f]{32})/(?P<lane>vital|bulk)-(?P<number>\d{6,9})\.jsonl"
    r"|environments/[0-9a-f]{32}\.json|faults/[0-9a-f]{32}\.txt"
    r"|attachments/[0-9a-f]{32}/[A-Z0-9]{3}-[A-Z0-9]{3}\.png",
    re.ASCII,
)
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)


class _Archive:
    """A zip file whose names were checked, and whose bytes are counted as they come out."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._file = zipfile.ZipFile(path)
            entries = self._file.infolist()
        except FileNotFoundError as error:
            raise BundleError(f"{path} is not there.") from error
        except _BROKEN as error:
            raise BundleError(f"{path} is no bundle, or a broken one ({error}).") from error
        self._left = _LARGEST_IN_ALL
        if len(entries) > _MOST_MEMBERS or sum(entry.compress_size for entry in entries) > _LARGEST_FILE:
            raise BundleError(f"{path} has more in it than a bundle can have; it is not read.")
        self.names = [entry.filename for entry in entries]
        odd = next((name for name in self.names if not _NAMES.fullmatch(name)), None)
        if odd is not None:
            raise BundleError(f"{path} holds {odd[:80]!r}, which no bundle does; it is not read.")
        if len(set(self.names)) != len(self.names):
            raise BundleError(f"{path} has two entries of one name; it is not read.")

    def read(self, name: str, most: int) -> bytes:
        """Return a member; BundleError where it is broken, or longer than `most` whatever it claims."""
        try:
            with self._file.open(name) as member:
                data = member.read(min(most, self._left) + 1)
        except KeyError:
            return b""
        except _BROKEN as error:
            raise BundleError(f"{self.path} is broken at {name} ({error}).") from error
        if len(data) > min(most, self._left):
            raise BundleError(
                f"{self.path} unpacks to more than a bundle can hold, at {name}; it is not read."
            )
        self._left -= len(data)
        return data

    def lines(self, name: str) -> list[bytes]:
        """Return the lines of a member; BundleError where there are more than a segment has records."""
        data = self.read(name, LARGEST_MEMBER)
        if data.count(b"\n") > _MOST_LINES:
            raise BundleError(f"{self.path} has more lines in {name} than a bundle can have; it is not read.")
        return data.split(b"\n")[:-1]


class BundledRecordings(Recordings):
    """The recordings in a bundle."""

    def __init__(self, archive: _Archive) -> None:
        super().__init__(archive.path)
        self._archive = archive
        self.manifest = _manifest(archive)
        self._runs = {run.run: run for run in map(_run, self.manifest["runs"]) if run is not None}
        self._read_members: set[str] = set()

    @property
    def now_ns(self) -> int:
        """When the bundle was made."""
        return _time(self.manifest.get("made_ns"))

    def fresh(self) -> BundledRecordings:
        """Return the same bundle with nothing read yet; what it may unpack to is counted anew."""
        return BundledRecordings(_Archive(self._archive.path))

    def runs_named(self, prefix: str) -> list[str]:
        """Return the runs whose id, or whose session's, begins with `prefix`."""
        return [
            run.run
            for run in self._runs.values()
            if prefix in (run.run[: len(prefix)], run.session[: len(prefix)])
        ]

    def content(self, number: str) -> dict[str, Any]:
        """Return a remembered content of the bundle."""
        name = f"environments/{number}.json"
        return read_content(self._archive.read(name, LARGEST_MEMBER)) if name in self._archive.names else {}

    def newest_first(self) -> Iterator[tuple[RunFolder, SegmentFile]]:
        """Yield what stands for the segments, those of the run that recorded last first."""
        found = []
        for name in self._archive.names:
            match = _NAMES.fullmatch(name)
            run = self._runs.get(match["run"] or "") if match else None
            if match is None or run is None:
                continue
            segment = SegmentFile(
                path=name,
                lane="vital" if match["lane"] == "vital" else "bulk",
                number=int(match["number"]),
                size=0,
                mtime_ns=run.last_ns,
            )
            state = "alive" if run.alive else "closed" if run.closed else "dead"
            found.append((RunFolder(path=name, run=run.run, segments=(segment,), state=state), segment))  # type: ignore[arg-type]  # one of three words
        found.sort(key=lambda pair: (pair[1].mtime_ns, pair[1].number), reverse=True)
        yield from found

    def read(self, folder: RunFolder, segment: SegmentFile) -> int:
        """Read one member; return the number of records."""
        if segment.path in self._read_members:
            return 0
        self._read_members.add(segment.path)
        run = self.runs.setdefault(folder.run, self._runs[folder.run])
        count = 0
        for line in self._archive.lines(segment.path):
            found = parse(line)
            if found is None:
                self.damaged += 1
                if self.damaged > _MOST_DAMAGED:
                    raise BundleError(
                        f"{self._archive.path} holds too much that is no record; it is not read on."
                    )
                continue
            kind, record, context, scope = found
            count += 1
            if isinstance(record, LogRecord):
                self.book.add_log(run, record, context=context, scope=scope)
            else:
                self.book.add_span(run, record, ended=kind == "span", context=context, scope=scope)
        return count


def open_bundle(path: str) -> BundledRecordings:
    """Open the bundle at `path`. Raises BundleError for one that is broken or not to be trusted."""
    return BundledRecordings(_Archive(path))


def _manifest(archive: _Archive) -> dict[str, Any]:
    try:
        found = json.loads(archive.read("manifest.json", _LARGEST_MANIFEST) or b"null")
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{archive.path} has a manifest that can't be read.") from error
    if not isinstance(found, dict) or not isinstance(found.get("runs"), list):
        raise BundleError(f"{archive.path} has no manifest: it is no bundle of clientobs, or a broken one.")
    if found.get("format") != FORMAT:
        raise BundleError(
            f"{archive.path} has format {str(found.get('format'))[:20]}, this clientobs reads {FORMAT}; update it."
        )
    return found


def _run(document: Any) -> Run | None:
    if not isinstance(document, dict):
        return None
    texts = [document.get(name) for name in ("run", "session", "role", "closed")]
    resource, pid = document.get("resource"), document.get("pid")
    if not all(isinstance(text, str) for text in texts) or not isinstance(resource, dict):
        return None
    run, session, role, closed = (str(text) for text in texts)
    return Run(
        run=run,
        session=session,
        pid=pid if isinstance(pid, int) else 0,
        role=role,
        resource=resource,
        started_ns=_time(document.get("started_ns")),
        last_ns=_time(document.get("last_ns")),
        alive=document.get("alive") is True,
        closed=closed,
    )


def _time(value: Any) -> int:
    return value if type(value) is int and 0 <= value <= _LARGEST_TIME else 0
