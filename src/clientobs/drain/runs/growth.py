"""Under which span the memory of a process has grown, by samples that were taken from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clientobs.drain.deaths.findings import Sample
    from clientobs.journal.records import SpanRecord

__all__ = ["Growth", "growth_of", "size_text", "timeline"]

_LEAST: Final = 64 << 20
_SHARE: Final = 0.25
"""Growth that is worth a word: in bytes, and as a share of what there was before."""
_MOST_OF_IT: Final = 0.75
_NOTHING_YET: Final = 0.02
_STEPS: Final = 12
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_UNIT: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """From `before` to `after` bytes within `seconds`; `span` is the innermost under which most of it came."""

    before: int
    after: int
    seconds: float
    span: SpanRecord | None

    @property
    def size(self) -> int:
        """Bytes that were added."""
        return self.after - self.before


def growth_of(samples: Sequence[Sample], spans: Sequence[SpanRecord]) -> Growth | None:
    """Return the growth up to the last sample, None where there was none to speak of.

    `spans` are those that were open at the end, outermost first.
    """
    if not samples:
        return None
    last = samples[-1]
    least = min(sample.size for sample in samples)
    whole = last.size - least
    if whole < max(_LEAST, least * _SHARE):
        return None
    first = next(sample for sample in reversed(samples) if sample.size <= least + whole * _NOTHING_YET)
    for span in reversed(spans):
        before = _at(samples, span.start_mono)
        if last.size - before.size >= whole * _MOST_OF_IT:
            return _growth(max(before, first, key=lambda sample: sample.mono_ns), last, span)
    return _growth(first, last, None)


def _growth(before: Sample, last: Sample, span: SpanRecord | None) -> Growth:
    since = max(before.mono_ns, span.start_mono) if span is not None else before.mono_ns
    seconds = max(0, last.mono_ns - since) / 1e9
    return Growth(before=before.size, after=last.size, seconds=seconds, span=span)


def _at(samples: Sequence[Sample], mono_ns: int) -> Sample:
    """Return the last sample before a moment, or the first there is."""
    return next((sample for sample in reversed(samples) if sample.mono_ns <= mono_ns), samples[0])


def timeline(samples: Sequence[Sample]) -> list[str]:
    """Return the way there in a few lines, seconds before the last sample.

    >>> from clientobs.drain.deaths.findings import Sample
    >>> timeline([Sample(0, 100 << 20), Sample(2_000_000_000, 3 << 30)])
    ['-2.0 s 100.0 MiB', '-0.0 s 3.0 GiB']
    """
    if not samples:
        return []
    step = max(1, -(-len(samples) // _STEPS))
    chosen = [*samples[:-1:step], samples[-1]]
    end = samples[-1].mono_ns
    return [f"-{(end - sample.mono_ns) / 1e9:.1f} s {size_text(sample.size)}" for sample in chosen]


def size_text(size: float) -> str:
    """Return bytes as a person reads them.

    >>> size_text(1536), size_text(10), size_text(64 << 30)
    ('1.5 KiB', '10 B', '64.0 GiB')
    """
    unit = 0
    while size >= _UNIT and unit < len(_UNITS) - 1:
        size, unit = size / _UNIT, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit else f"{size:.0f} B"
