"""One hang: what is known of it, from its host's notes or from outside."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

__all__ = ["Episode", "Frame", "OpenSpan"]

Frame: TypeAlias = tuple[str, str, str, bool]
"""Module, function, file, whether it is the studio's own."""

_UNKNOWN: Final[Frame] = ("", "(too many stacks)", "", False)
_MOST_STACKS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSpan:
    """A span that was open on the main thread."""

    trace_id: int
    span_id: int
    name: str
    flags: int
    context: int
    start_mono: int


@dataclass(slots=True, kw_only=True)
class Episode:
    """A stretch without an answer; times are nanoseconds on the monotonic clock.

    since, hung_at, over_at   when it began, when it was a hang, when it was over (0: not yet)
    dcc                       what the open spans said of the application and its scene
    seen_by                   "host", "py-spy", "" where nobody could look
    """

    since: int
    hung_at: int = 0
    over_at: int = 0
    reason: str = ""
    watch: str = ""
    work: str = ""
    threshold: int = 0
    operation: str = ""
    path: str = ""
    seen_by: str = ""
    spans: list[OpenSpan] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    production: dict[str, Any] = field(default_factory=dict)
    dcc: dict[str, Any] = field(default_factory=dict)
    counts: Counter[int] = field(default_factory=Counter)
    lines: list[int] = field(default_factory=list)
    latest: int = 0
    others: dict[str, int] = field(default_factory=dict)
    stacks: dict[int, list[Frame]] = field(default_factory=dict)
    last_mono: int = 0

    def take(self, note: dict[str, Any]) -> None:
        """Take in one note of the host; what is not of its shape raises as dict and list do."""
        self.last_mono = max(self.last_mono, int(note.get("mono", 0)))
        match note["at"]:
            case "stack":
                self.learn(int(note["id"]), [_frame(entry) for entry in note["frames"]])
            case "sample":
                self.seen_by = "host"
                number, lines = note["main"]
                self.sample(number, lines)
                self.others = {
                    str(name): stack[0] for name, stack in note.get("others", {}).items()
                } or self.others
            case "hung":
                self._take_verdict(note)
            case "over":
                self.over_at = int(note["mono"])

    def _take_verdict(self, note: dict[str, Any]) -> None:
        self.hung_at = int(note["mono"])
        self.reason, self.watch, self.work = note["reason"], note["watch"], note["work"]
        self.threshold = int(note["threshold"])
        self.operation, self.path = note.get("operation", ""), note.get("path", "")
        self.waits = [str(wait) for wait in note["waits"]]
        self.spans = [OpenSpan(**span) for span in note["spans"]]
        self.production = dict(note.get("production", {}))
        self.dcc = dict(note.get("dcc", {}))

    def learn(self, number: int, frames: list[Frame]) -> None:
        """Take in a stack, outermost frame first."""
        if len(self.stacks) < _MOST_STACKS:
            self.stacks[number] = frames

    def sample(self, number: int, lines: list[int]) -> None:
        """Count one look at the main thread."""
        self.counts[number] += 1
        self.latest, self.lines = number, list(lines)

    def see_as(self, other: Episode) -> None:
        """Take over where the threads stood as another has seen it."""
        self.seen_by, self.counts, self.stacks = other.seen_by, other.counts, other.stacks
        self.latest, self.lines, self.others = other.latest, other.lines, other.others

    def stack(self) -> list[tuple[Frame, int]]:
        """Return where the main thread stood at the last look, outermost first, with the lines."""
        frames = self.stacks.get(self.latest, [])
        lines = [*self.lines, *([0] * len(frames))]
        return list(zip(frames, lines, strict=False))

    def folded(self, most: int = 20) -> list[str]:
        """Return the stacks of the main thread as flame graphs take them, the most frequent first."""
        return [f"{self.fold(number)} {count}" for number, count in self.counts.most_common(most)]

    def fold(self, number: int) -> str:
        """Return one stack in one line."""
        frames = self.stacks.get(number, [_UNKNOWN])
        return ";".join(f"{module}.{function}" if module else function for module, function, *_ in frames)

    def culprit(self) -> tuple[Frame, int] | None:
        """Return the innermost frame of the studio's own in the stack that was seen most, else the innermost."""
        if not self.counts:
            return None
        number = self.counts.most_common(1)[0][0]
        frames = self.stacks.get(number, [])
        lines = [*(self.lines if number == self.latest else []), *([0] * len(frames))]
        pairs = list(zip(frames, lines, strict=False))
        own = [pair for pair in pairs if pair[0][3]]
        return own[-1] if own else pairs[-1] if pairs else None


def _frame(entry: Any) -> Frame:
    module, function, file, own = entry
    return str(module), str(function), str(file), bool(own)
