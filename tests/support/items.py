"""Items for the drain's tests: small, valid, and each told from the others by its sequence number."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from clientobs.drain.batch import Batch, Item
from clientobs.journal.records import ContextRecord, Header, LogRecord, MetricsRecord, SpanRecord

if TYPE_CHECKING:
    from clientobs.config.model import Signal
    from clientobs.drain.batch import Outcome

__all__ = ["CONTEXTS", "HEADER", "NOW", "SESSION", "batch", "left_of", "log", "metrics", "span", "spans"]

NOW: Final = 1_700_000_000_000_000_000
SESSION: Final = "5e" * 16

HEADER: Final = Header(
    run="a1" * 16,
    session=SESSION,
    lane="bulk",
    number=1,
    pid=4711,
    wall_ns=NOW,
    mono_ns=0,
    resource={"service.name": "publisher", "host.name": "ws-042"},
)
CONTEXTS: Final = {
    1: ContextRecord(1, "production", {"production.shot": "sh010", "session.id": SESSION}),
    2: ContextRecord(
        2,
        "scope",
        {
            "name": "clientobs.files",
            "version": "1.2",
            "schema_url": "https://schemas.example/1",
            "attributes": {"part": "instrument"},
        },
    ),
}


def span(sequence: int = 0, name: str | None = None, *, header: Header = HEADER, **changes: Any) -> Item:
    """Return a span whose ids and default name come from its sequence number."""
    record = SpanRecord(
        trace_id=sequence + 1,
        span_id=sequence + 1,
        parent_id=0,
        name=f"span {sequence}" if name is None else name,
        kind=0,
        flags=1,
        trace_state="",
        context=1,
        scope=2,
        start_ns=NOW + sequence,
        start_mono=sequence,
        attributes={"index": sequence},
        end_ns=NOW + sequence + 1_000,
    )
    record = replace(record, **changes)
    return Item(header=header, record=record, sequence=sequence, contexts=CONTEXTS)


def log(sequence: int = 0, body: Any = "saved", *, header: Header = HEADER, **changes: Any) -> Item:
    """Return a log record."""
    record = LogRecord(
        time_ns=NOW + sequence,
        observed_ns=NOW + sequence + 5,
        severity=9,
        severity_text="INFO",
        body=body,
        event_name="",
        attributes={"index": sequence},
        trace_id=7,
        span_id=8,
        flags=1,
        context=1,
        scope=2,
    )
    record = replace(record, **changes)
    return Item(header=header, record=record, sequence=sequence, contexts=CONTEXTS)


def metrics(*shapes: tuple[Any, ...], sequence: int = 0, header: Header = HEADER) -> Item:
    """Return a metrics record of these metric tuples; by default of one counter."""
    counter: tuple[Any, ...] = (
        2,
        "saves",
        "{save}",
        "Scenes saved.",
        "sum",
        True,
        [({"dcc": "maya"}, 3, NOW, NOW + 1, [])],
    )
    record = MetricsRecord(NOW, shapes or (counter,))
    return Item(header=header, record=record, sequence=sequence, contexts=CONTEXTS)


def spans(count: int, **names: str) -> Batch:
    """Return a batch of spans; `at_777="poison"` gives number 777 another name."""
    special = {int(key.removeprefix("at_")): name for key, name in names.items()}
    return batch("traces", *(span(index, special.get(index)) for index in range(count)))


def batch(signal: Signal, *items: Item) -> Batch:
    """Return a batch of these items."""
    return Batch(signal=signal, items=items)


def left_of(batch: Batch, outcome: Outcome) -> Batch | None:
    """Return what is still to be sent, None when all of it is settled."""
    left = batch.items[outcome.settled :]
    return replace(batch, items=left) if left else None
