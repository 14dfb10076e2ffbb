"""The page of all names that clientobs emits, from the inventory of semconv.py."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from clientobs.privacy.inventory import RETENTION, Entry, entries

__all__ = ["attributes_page"]

ORIGINS = {
    "stable": "stable",
    "rc": "release candidate",
    "dev": "development",
    "own": "ours",
}
HEAD = """# Names: attributes, events, metrics

Every name that clientobs emits. Attributes that your own code sets come on top.

- **Origin**: the state of the name in OpenTelemetry's semantic conventions v1.44; "ours" where there is none.
- **Personal**: "yes" is about a person; "indirect" may name a person or a show in passing; "no" does neither.

Advice for retention in your back end:

| personal | keep |
| --- | --- |
"""


def attributes_page() -> Iterator[str]:
    """Yield the whole page."""
    parts = [HEAD + "".join(f"| {personal} | {advice} |\n" for personal, advice in RETENTION.items())]
    for section, group in groupby(entries(), key=lambda entry: entry.section):
        parts.append(f"\n## {section}\n")
        listed = list(group)
        parts += [_table(listed, sort) for sort in ("attribute", "event", "metric")]
    yield "".join(parts)


def _table(listed: list[Entry], sort: str) -> str:
    rows = [entry for entry in listed if entry.sort == sort]
    if not rows:
        return ""
    if sort == "metric":
        head = "\n| metric | unit | instrument | origin | purpose |\n| --- | --- | --- | --- | --- |\n"
        return head + "".join(
            f"| `{row.name}` | `{row.unit}` | {row.instrument} | {ORIGINS[row.origin]} | {row.purpose} |\n"
            for row in rows
        )
    head = f"\n| {sort} | origin | personal | purpose |\n| --- | --- | --- | --- |\n"
    return head + "".join(
        f"| `{row.name}` | {ORIGINS[row.origin]} | {row.personal} | {row.purpose} |\n" for row in rows
    )
