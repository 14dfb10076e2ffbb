"""Read the Markdown pages of the project: headings, links, code blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ROOT", "Block", "Page", "all_pages"]

ROOT: Final = Path(__file__).parents[2]

_FENCE: Final = re.compile(r"^(?P<indent> *)(?P<ticks>```+)(?P<language>[\w+-]*)[^\n]*$")
_LINK: Final = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)|!\[[^\]]*\]\((?P<image>[^)\s]+)\)")
_HEADING: Final = re.compile(r"^#{1,6} +(?P<text>.+?) *$")
_CODE_SPAN: Final = re.compile(r"`[^`\n]+`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced code block; `note` is the HTML comment on the line before it, if there is one."""

    page: Path
    line: int
    language: str
    text: str
    note: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One Markdown file."""

    path: Path
    prose: tuple[tuple[int, str], ...]
    """The lines outside of code blocks, with their numbers."""
    blocks: tuple[Block, ...]

    @property
    def name(self) -> str:
        """The path from the repository's root, with forward slashes."""
        return self.path.relative_to(ROOT).as_posix()

    def anchors(self) -> set[str]:
        """Return the anchors of the headings, by the rule that the code hosts use."""
        headings = (_HEADING.match(line) for _, line in self.prose)
        return {anchor(match["text"]) for match in headings if match}

    def links(self) -> Iterator[tuple[int, str]]:
        """Yield line and target of each link and image."""
        for number, line in self.prose:
            for match in _LINK.finditer(_CODE_SPAN.sub("", line)):
                yield number, match["target"] or match["image"]

    def code_spans(self) -> Iterator[tuple[int, str]]:
        """Yield line and content of each piece of code within a sentence."""
        for number, line in self.prose:
            for match in _CODE_SPAN.finditer(line):
                yield number, match[0].strip("`")


def all_pages() -> list[Page]:
    """Return the pages of the project: those at the root and all of docs/."""
    paths = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "integrations").rglob("*.md")]
    return [read_page(path) for path in sorted(paths)]


def read_page(path: Path) -> Page:
    """Take one page apart."""
    prose: list[tuple[int, str]] = []
    blocks: list[Block] = []
    inside: tuple[str, str, int, list[str], str] | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if inside is not None:
            ticks, language, start, lines, note = inside
            if line.strip() == ticks:
                text = "\n".join(lines) + "\n"
                blocks.append(Block(page=path, line=start, language=language, text=text, note=note))
                inside = None
            else:
                lines.append(line)
        elif fence:
            before = prose[-1][1].strip() if prose else ""
            note = before[4:-3].strip() if before.startswith("<!--") and before.endswith("-->") else ""
            inside = (fence["ticks"], fence["language"], number, [], note)
        else:
            prose.append((number, line))
    assert inside is None, f"{path}: the code block of line {inside[2]} is never closed"
    return Page(path=path, prose=tuple(prose), blocks=tuple(blocks))


def anchor(heading: str) -> str:
    """Return the anchor of a heading.

    >>> anchor("The `drain`, explained")
    'the-drain-explained'
    """
    words = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return words.replace(" ", "-")
