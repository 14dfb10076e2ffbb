"""Head sampling: the configured sampler, behind a guard against storms.

A loop that opens one span a million times a minute would cost its host more than all else, fill the quota,
and push out what mattered. Past a budget a minute, spans of that *name* are not recorded (their children
neither), and counted under "storm". The budget is a token bucket per name: a burst of a minute's worth passes
untouched.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import sampling

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanContext, SpanKind, TraceState
    from opentelemetry.util.types import Attributes

    from clientobs._loss import LossLedger
    from clientobs.config.model import TracesConfig
    from clientobs.pipeline.storms import Storms

__all__ = ["NameBudget", "StormSampler", "configured_sampler"]

_MAX_NAMES: Final = 1024
_OTHER: Final = ""
_DROP: Final = sampling.SamplingResult(sampling.Decision.DROP)


class NameBudget:
    """Token buckets by name: `per_minute` tokens a minute, as many at once. Not more than 1,024 buckets."""

    __slots__ = ("_mono", "_per_ns", "_size", "buckets")

    def __init__(self, per_minute: int, mono: Callable[[], int] = time.monotonic_ns) -> None:
        self._size = float(per_minute)
        self._per_ns = per_minute / 60e9
        self._mono = mono
        self.buckets: dict[str, list[float]] = {}

    def allows(self, name: str) -> bool:
        """Take one token of `name`; say whether there was one. Races cost a token, never an error."""
        bucket = self.buckets.get(name)
        if bucket is None:
            bucket = self._new_bucket(name)
        if bucket[0] >= 1.0 or self._refill(bucket):
            bucket[0] -= 1.0
            return True
        return False

    def has(self, name: str) -> bool:
        """Say whether there is a token of `name`, and leave it there."""
        bucket = self.buckets.get(name)
        if bucket is None:
            bucket = self._new_bucket(name)
        return bucket[0] >= 1.0 or self._refill(bucket)

    def _refill(self, bucket: list[float]) -> bool:
        now = self._mono()
        bucket[0] = min(self._size, bucket[0] + (now - bucket[1]) * self._per_ns)
        bucket[1] = now
        return bucket[0] >= 1.0

    def _new_bucket(self, name: str) -> list[float]:
        if len(self.buckets) >= _MAX_NAMES:
            # Names made of data (one a frame) would need a bucket each: beyond the limit they share one.
            return self.buckets.setdefault(_OTHER, [self._size, float(self._mono())])
        return self.buckets.setdefault(name, [self._size, float(self._mono())])


class StormSampler(sampling.Sampler):
    """Ask the budget of the name first, then the configured sampler."""

    def __init__(self, inner: sampling.Sampler, budget: NameBudget, loss: LossLedger, storms: Storms) -> None:
        self._inner = inner
        self._storms = storms
        # The default sampler needs no call: keep roots and whatever has a kept parent.
        self._always = type(inner) is sampling.ParentBased and inner._root is sampling.ALWAYS_ON  # noqa: SLF001
        self._allows = budget.allows
        self._buckets = budget.buckets
        self._loss = loss

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> sampling.SamplingResult:
        """Return DROP in a storm, else what the configured sampler says."""
        del trace_state
        if not self._allows(name):
            self._leave_out(name)
            return _DROP
        result = self._inner.should_sample(parent_context, trace_id, name, kind, attributes, links)
        if result.decision is sampling.Decision.DROP:
            self._loss.add("sampling")
        return result

    def keeps(self, parent: SpanContext | None, name: str) -> bool | None:
        """Decide as `should_sample` does, without making a SamplingResult; None: only that one can."""
        if not self._always:
            return None
        bucket = self._buckets.get(name)
        if bucket is not None and bucket[0] >= 1.0:  # as in `allows`, which costs a call
            bucket[0] -= 1.0
        elif not self._allows(name):
            self._leave_out(name)
            return False
        if parent is not None and not parent.trace_flags & 1:
            self._loss.add("sampling")
            return False
        return True

    def _leave_out(self, name: str) -> None:
        self._loss.add("storm")
        self._storms.add(name)

    def get_description(self) -> str:
        """Return the configured sampler's description within ours."""
        return f"StormSampler({self._inner.get_description()})"


def configured_sampler(config: TracesConfig) -> sampling.Sampler:
    """Return the sampler that OTEL_TRACES_SAMPLER names; config has checked name and argument."""
    ratio = 1.0 if config.sampler_argument is None else config.sampler_argument
    roots: dict[str, Callable[[], sampling.Sampler]] = {
        "always_on": lambda: sampling.ALWAYS_ON,
        "always_off": lambda: sampling.ALWAYS_OFF,
        "traceidratio": lambda: sampling.TraceIdRatioBased(ratio),
    }
    name = config.sampler
    if name.startswith("parentbased_"):
        return sampling.ParentBased(roots[name.removeprefix("parentbased_")]())
    return roots[name]()
