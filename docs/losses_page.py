"""The page of loss reasons, from the table that `clientobs status` shows."""

from __future__ import annotations

from collections.abc import Iterator

from clientobs.viewer.losses import MEANINGS

__all__ = ["losses_page"]

HEAD = """# Losses

Whatever is dropped is counted by reason. `clientobs status` shows the sums of this machine, `clientobs doctor`
those of the drain and of the process that it is called in, and where an endpoint is configured they arrive there
as the metric `clientobs.records.lost` with the attribute `clientobs.loss.reason`.

A count is of records, except for `attributes`, `nesting` and `text`, where a part of a record was cut off, and for
`damaged` and `torn`, which count places in a segment: how many records were there, nobody can know any more.
"""
PLACES = {
    "host": "In the host, before anything is written",
    "journal": "In the journal",
    "drain": "In the drain",
}


def losses_page() -> Iterator[str]:
    """Yield the page, by the place where a loss is counted."""
    yield HEAD
    for place, title in PLACES.items():
        rows = [
            f"| `{reason}` | {meaning.gone} | {meaning.remedy[:1].upper()}{meaning.remedy[1:]}. |"
            for reason, meaning in MEANINGS.items()
            if meaning.where == place
        ]
        yield f"## {title}\n"
        yield "\n".join(["| reason | what is gone | what to do |", "| --- | --- | --- |", *rows]) + "\n"
