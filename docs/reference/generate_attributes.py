"""Write attributes.md beside this file from the inventory; with --check, say whether it is up to date.

python docs/reference/generate_attributes.py [--check]
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from clientobs.privacy.inventory import RETENTION, Entry, entries

PAGE = Path(__file__).with_name("attributes.md")
ORIGINS = {
    "stable": "stable",
    "rc": "release candidate",
    "dev": "development",
    "own": "ours",
}
HEAD = """# Names: attributes, events, metrics

<!-- Made by docs/reference/generate_attributes.py from src/clientobs/semconv.py: change that file, not this one. -->

Every name that clientobs emits. Attributes that your own code sets come on top.

- **Origin**: the state of the name in OpenTelemetry's semantic conventions v1.44, or "ours" where they have none.
- **Personal**: "yes" is about a person; "indirect" may name a person or a show in passing; "no" does neither.

Advice for retention in your back end:

| personal | keep |
| --- | --- |
"""


def page() -> str:
    """Return the whole page."""
    parts = [HEAD + "".join(f"| {personal} | {advice} |\n" for personal, advice in RETENTION.items())]
    for section, group in groupby(entries(), key=lambda entry: entry.section):
        parts.append(f"\n## {section}\n")
        listed = list(group)
        parts += [_table(listed, sort) for sort in ("attribute", "event", "metric")]
    return "".join(parts)


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


def main(arguments: list[str]) -> int:
    """Write the page, or compare it."""
    if arguments == ["--check"]:
        current = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        if current == page():
            return 0
        sys.stderr.write(f"{PAGE.name} is out of date: run python docs/reference/{Path(__file__).name}\n")
        return 1
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
