"""All hosts of a drain, looked at four times a second: which of them hangs, and what is told of it.

    a host's own notes         its Python runs: it has judged itself (guard/hang/watch.py)
    a beat that has stopped    its keeper can't run: judged here (silence.py)

A hang that is seen from outside is its host's as soon as that can judge: one episode, told once (told.py).
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final, Literal

from clientobs import semconv
from clientobs._beat import read_beat
from clientobs._guarded import quiet
from clientobs.drain.hangs.episode import Episode, OpenSpan
from clientobs.drain.hangs.silence import Silence
from clientobs.drain.hangs.spyglass import Spyglass, find_py_spy
from clientobs.drain.hangs.storage import Probe
from clientobs.drain.hangs.telling import hang_attributes, hang_sentence
from clientobs.drain.hangs.told import Told
from clientobs.drain.hangs.witness import Witness
from clientobs.drain.runs.evidence import HANGS_FILE
from clientobs.drain.runs.last_lines import last_lines, open_spans
from clientobs.drain.runs.last_words import dcc_attributes
from clientobs.journal.records import DRAIN_ROLES
from clientobs.paths.mounts import MountTable
from clientobs.paths.portable import Roots

if TYPE_CHECKING:
    from collections.abc import Collection

    from clientobs._beat import Beat
    from clientobs.config.model import Config
    from clientobs.drain.runs.run_tail import RunTail
    from clientobs.journal.home import Home
    from clientobs.paths.storage import Mount

__all__ = ["HangWatch"]

_MOST_EPISODES: Final = 100
_MOST_SPANS: Final = 50


class HangWatch:
    """Watches the runs of one drain; `look` says whether something was told just now.

    `outside`: the drain is a process of its own. As a thread in a host it can't see a held interpreter, and starts
    no child to probe a mount: a host that waits for its children would meet it.
    """

    def __init__(
        self, config: Config, home: Home, boot_id: str, *, outside: bool, mounts: MountTable | None = None
    ) -> None:
        self.outside = outside
        self._config = config
        self._home = home
        self._boot_id = boot_id
        self._mounts = mounts or MountTable.of_this_machine()
        self._roots = Roots(config.roots)
        self._py_spy = find_py_spy(config.hangs.py_spy)
        self._hosts: dict[str, _Host] = {}

    def look(self, runs: Collection[RunTail]) -> bool:
        """Look at all of them."""
        told = False
        for run in runs:
            if run.header.role in DRAIN_ROLES:
                continue
            with quiet("drain.hangs"):
                host = self._hosts.get(run.run)
                if host is None and (run.alive or run.hang_notes):
                    host = self._hosts[run.run] = _Host(self, run)
                if host is not None:
                    told |= host.look()
        present = {run.run for run in runs}
        for name in [name for name in self._hosts if name not in present]:
            self._hosts.pop(name).close()
        return told

    def close(self) -> None:
        """Let go of everything."""
        for host in self._hosts.values():
            host.close()
        self._hosts = {}

    def witness(self, run: RunTail) -> Witness:
        """Return who speaks for a host."""
        return Witness(self._config, self._home, run.header)

    def spyglass(self, pid: int) -> Spyglass:
        """Return who looks at a process that can't look at itself."""
        return Spyglass(self._py_spy, pid)

    def mount_of(self, path: str) -> Mount | None:
        """Return the mount of a path, without touching it."""
        return self._mounts.locate(path) if os.path.isabs(path) else None

    def portable(self, path: str) -> str | None:
        """Return the path below a storage root."""
        return self._roots.portable(path)

    def is_of_this_boot(self, run: RunTail) -> bool:
        """Say whether the run's times are those of this machine's clock."""
        return run.header.boot_id == self._boot_id


class _Host:
    """One run."""

    def __init__(self, watch: HangWatch, run: RunTail) -> None:
        self._watch = watch
        self._run = run
        self._told = Told(os.path.join(run.path, HANGS_FILE))
        self._episodes: dict[int, Episode] = {}
        self._silence = Silence(run.header.pid)
        self._silent: Episode | None = None
        self._back_at = 0
        self._spyglass: Spyglass | None = None
        self._probe: tuple[Probe, Episode] | None = None
        self._witness: Witness | None = None

    def look(self) -> bool:
        """Take in what is new; say whether something was told."""
        told = self._take_notes()
        if self._watch.outside and self._run.alive and self._watch.is_of_this_boot(self._run):
            told |= self._watch_silence()
        told |= self._look_at_probe()
        if not self._run.alive and self._witness is not None and self._probe is None:
            self.close()
        return told

    def close(self) -> None:
        """Let go of what looks and speaks for it."""
        self._close_spyglass()
        if self._probe is not None:
            self._probe[0].close()
            self._probe = None
        if self._witness is not None:
            self._witness.close()
            self._witness = None

    # What the host says --------------------------------------------------------------------------

    def _take_notes(self) -> bool:
        notes = sorted(self._run.hang_notes, key=_order)
        self._run.hang_notes.clear()
        touched: dict[int, Episode] = {}
        for note in notes:
            with quiet("drain.hangs.note"):
                since = int(note["since"])
                if since not in self._episodes:
                    self._make_room()
                episode = self._episodes.setdefault(since, Episode(since=self._told.known_as(since)))
                episode.take(note)
                touched[since] = episode
        told = False
        for since, episode in touched.items():
            told |= self._settle(since, episode)
        return told

    def _make_room(self) -> None:
        while len(self._episodes) >= _MOST_EPISODES:
            del self._episodes[next(iter(self._episodes))]

    def _settle(self, since: int, episode: Episode) -> bool:
        """Tell of an episode, which the host has as one that began at `since`, what is to be told."""
        told = False
        if episode.hung_at:
            self._hand_over(since, episode)
        if episode.hung_at and not self._told.has(episode.since, "told"):
            told = self._tell(episode)
        if episode.hung_at and episode.over_at and not self._told.has(episode.since, "over"):
            told = self._tell_end(episode)
        if episode.over_at:
            self._episodes.pop(since, None)
        return told

    def _hand_over(self, since: int, episode: Episode) -> None:
        """Leave a hang that was told from outside, and goes on, to the host that has seen it as well."""
        outside = self._silent
        if outside is None or not outside.hung_at or self._told.has(episode.since, "told"):
            return
        self._silent = None
        self._close_spyglass()
        episode.since = outside.since
        self._told.add(outside.since, "noted", wall=self._wall(outside.since), host=since)

    # What can be seen of it ----------------------------------------------------------------------

    def _watch_silence(self) -> bool:
        now = time.monotonic_ns()
        beat = read_beat(self._run.path)
        silent = self._silence.look(beat, now)
        if not silent or beat is None:
            return self._end_silence(beat, now)
        self._back_at = 0
        if any(episode.hung_at for episode in self._episodes.values()):
            return False  # told by the host, before it fell silent as well
        if self._silent is None:
            self._silent = Episode(since=self._silence.since(beat, silent, now))
            self._spyglass = self._watch.spyglass(self._run.header.pid)
        episode = self._silent
        if self._spyglass is not None:
            self._spyglass.look(episode)
        if episode.hung_at or not self._silence.is_hang(beat, silent, now):
            return False
        if self._spyglass is not None and self._spyglass.busy and not episode.seen_by:
            return False  # a moment more
        self._judge(episode, beat, now)
        return self._tell(episode)

    def _judge(self, episode: Episode, beat: Beat, now: int) -> None:
        episode.hung_at, episode.reason = now, self._silence.reason
        episode.watch, episode.work = beat.watch, beat.work
        episode.threshold = beat.stall or beat.threshold
        call = self._silence.call
        if call is not None:
            episode.reason, episode.operation, episode.path = "file", call.operation, call.path
        seen = [one for one in self._episodes.values() if one.counts and one.last_mono >= episode.since]
        if seen and not episode.seen_by:
            episode.see_as(seen[-1])  # what the host has sampled before it fell silent
        spans, episode.production = open_spans(self._run)
        episode.dcc = dcc_attributes(spans)
        episode.spans = [
            OpenSpan(
                trace_id=span.trace_id,
                span_id=span.span_id,
                name=span.name,
                flags=span.flags,
                context=span.context,
                start_mono=span.start_mono,
            )
            for span in spans[-_MOST_SPANS:]
        ]

    def _end_silence(self, beat: Beat | None, now: int) -> bool:
        """End what was seen from outside; once told, when its host has spoken since."""
        episode = self._silent
        if episode is not None and episode.hung_at and beat is not None:
            if beat.at <= episode.hung_at:
                return False
            if not self._back_at:
                self._back_at = beat.at
                return False  # what its host has noted before it wrote this is read before the next look
        back_at, self._back_at, self._silent = self._back_at or now, 0, None
        self._close_spyglass()
        if episode is None or not episode.hung_at:
            return False
        answered = beat.answered if beat is not None else 0
        episode.over_at = answered if answered > episode.since else back_at
        return self._tell_end(episode)

    def _close_spyglass(self) -> None:
        if self._spyglass is not None:
            self._spyglass.close()
            self._spyglass = None

    # Telling -------------------------------------------------------------------------------------

    def _tell(self, episode: Episode) -> bool:
        mount = self._watch.mount_of(episode.path) if episode.path else None
        if mount is not None and self._watch.outside and self._run.alive:
            self._probe = (Probe(mount.point), episode)
        attributes = self._attributes(episode, mount)
        attributes.update(
            hang_attributes(
                episode,
                ident=self._ident(episode),
                since_wall=self._wall(episode.since),
                lines=last_lines(self._run),
            )
        )
        body = hang_sentence(episode, mount.point if mount else "")
        self._say(semconv.APP_HANG, body, attributes, episode, at=episode.hung_at)
        self._told.add(episode.since, "told", wall=self._wall(episode.since))
        return True

    def _tell_end(self, episode: Episode) -> bool:
        attributes = hang_attributes(
            episode, ident=self._ident(episode), since_wall=self._wall(episode.since), lines=()
        )
        body = hang_sentence(episode, "")
        self._say(semconv.APP_HANG_END, body, attributes, episode, at=episode.over_at, severity="info")
        self._told.add(episode.since, "over", wall=self._wall(episode.since))
        return True

    def _look_at_probe(self) -> bool:
        if self._probe is None:
            return False
        probe, episode = self._probe
        answers = probe.look()
        if answers is None:
            return False
        self._probe = None
        probe.close()
        if answers:
            return False
        mount = self._watch.mount_of(episode.path)
        attributes = {semconv.HANG_ID: self._ident(episode), **self._attributes(episode, mount)}
        body = f"The storage at {probe.mount} does not answer."
        self._say(semconv.STORAGE_HUNG, body, attributes, episode, at=time.monotonic_ns())
        return True

    def _attributes(self, episode: Episode, mount: Mount | None) -> dict[str, Any]:
        attributes: dict[str, Any] = {}
        if mount is not None:
            attributes[semconv.STORAGE_MOUNT] = mount.point
            attributes[semconv.STORAGE_KIND] = mount.kind
        if episode.path:
            attributes[semconv.FILE_PATH] = episode.path
            portable = self._watch.portable(episode.path)
            if portable is not None:
                attributes[semconv.FILE_PATH_PORTABLE] = portable
        return attributes

    def _say(
        self,
        event: str,
        body: str,
        attributes: dict[str, Any],
        episode: Episode,
        *,
        at: int,
        severity: Literal["info", "error"] = "error",
    ) -> None:
        if self._witness is None:
            self._witness = self._watch.witness(self._run)
        span = episode.spans[-1] if episode.spans else None
        context = self._run.context(span.context) if span else {}
        self._witness.say(
            event,
            body,
            attributes,
            wall_ns=self._wall(at),
            production={**episode.production, **context, semconv.SESSION_ID: self._run.header.session},
            span=span,
            severity=severity,
        )

    def _ident(self, episode: Episode) -> str:
        return f"{self._run.run[:16]}-{episode.since // 1_000_000:x}"

    def _wall(self, mono: int) -> int:
        """Return the date of a time of the run's clock, by the anchor of now where it still is this boot's."""
        header = self._run.header
        if self._watch.is_of_this_boot(self._run) and sys.platform != "win32":
            return mono + time.time_ns() - time.monotonic_ns()
        return mono + header.wall_ns - header.mono_ns


def _order(note: dict[str, Any]) -> int:
    """Order notes of two lanes: by time; stacks, which have none, come before the samples that refer to them."""
    mono = note.get("mono", 0)
    return mono if isinstance(mono, int) else 0
