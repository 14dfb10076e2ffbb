"""What travels from the journal's reader to the sender: records with all that is needed to encode them.

An `Item` is one record; a `Batch` is a row of them for one signal, in the order in which they are to be
settled. The sender settles from the left and hands back how many leading items are done. The caller acknowledges
these in the journal, and hands in the rest again, byte for byte the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from clientobs.journal.records import ContextRecord, Header, LogRecord, MetricsRecord, SpanRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientobs.config.model import Signal

__all__ = ["Batch", "Deliverable", "Item", "Outcome", "Verdict"]

Deliverable: TypeAlias = SpanRecord | LogRecord | MetricsRecord
Verdict: TypeAlias = Literal["delivered", "more", "retry", "hold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One record on its way, with the header and the CONTEXT records of its segment.

    `contexts` is shared by all items of a segment (number -> record); it is only ever read. A metrics record
    travels whole, so one metric an item keeps a poison metric from taking others with it.
    """

    header: Header
    record: Deliverable
    sequence: int
    contexts: Mapping[int, ContextRecord] = field(default_factory=dict)

    @property
    def uid(self) -> str:
        """The record's name for deduplication, the same in each resend: run, lane and sequence number."""
        return f"{self.header.run}-{self.header.lane}-{self.sequence}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Records of one signal for one request, or several where the endpoint wants them smaller.

    A thousand small records a batch is a good size; the sender cuts it further by bytes.
    """

    signal: Signal
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a batch.

    verdict   "delivered": all items are settled. "more": the bound on requests was reached in the middle of
              a bisection, hand in the rest when convenient. "retry": hand in the rest after `wait`. "hold":
              the endpoint needs a person (credential, path, permission); the rest waits, `wait` is the time
              until the next probe.
    settled   leading items that are done, for whatever reason; acknowledge these.
    delivered of these, accepted by the endpoint.
    rejected  of these, refused by a partial_success (counted as lost, never sent again).
    poisoned  of these, set aside because the endpoint refuses them alone, or because they can't be encoded.
    wait      seconds before this signal should be sent to again.
    reason    what the endpoint said, for `clientobs status`; "" when all is well.
    requests  requests that were made.
    """

    verdict: Verdict
    settled: int
    delivered: int = 0
    rejected: int = 0
    poisoned: int = 0
    wait: float = 0.0
    reason: str = ""
    requests: int = 0
