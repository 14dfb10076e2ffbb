"""Which attributes stand beside a span's name, which beneath it, and how their values are told.

The instruments put many attributes on a span, for searches. Beside the name there is room for two or three: those
that say what a command was, what was missing, where the time went. `show --all` and `--json` have them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs.cli.text import cell_width, duration, value, visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clientobs.cli.screen import Line, Piece
    from clientobs.viewer.model import Span

__all__ = ["PRODUCTION_ORDER", "all_attributes", "attribute_pieces", "attribute_text", "brief_attributes"]

PRODUCTION_ORDER: Final = (
    semconv.PRODUCTION_PROJECT,
    semconv.PRODUCTION_EPISODE,
    semconv.PRODUCTION_SEQUENCE,
    semconv.PRODUCTION_SHOT,
    semconv.PRODUCTION_ASSET,
    semconv.PRODUCTION_STEP,
    semconv.PRODUCTION_TASK,
)
_QUIET_PREFIXES: Final = ("code.", "thread.", "exception.", "clientobs.", "file.io.")
_QUIET: Final = frozenset({semconv.ERROR_TYPE, semconv.TOOL_OUTCOME, semconv.SESSION_ID})
_OF_A_COMMAND: Final = frozenset(
    {
        semconv.PROCESS_EXECUTABLE_NAME,
        semconv.PROCESS_EXECUTABLE_PATH,
        semconv.PROCESS_LAUNCHER,
        semconv.PROCESS_WORKING_DIRECTORY,
        semconv.PROCESS_OUTCOME,
    }
)
"""What the span's name and its command line have said already."""
_SECONDS: Final = frozenset(
    {
        semconv.FILE_IO_TIME,
        semconv.FILE_IO_NETWORK_TIME,
        semconv.FILE_IO_LOCAL_TIME,
        semconv.FILE_IO_SLOWEST_TIME,
        semconv.FILE_IO_MOUNT_TIMES,
        semconv.HTTP_CONNECT_TIME,
        semconv.HTTP_WAIT_TIME,
        semconv.PROCESS_USED_CPU,
    }
)
_LEAST_OF_FILES: Final = 0.01
"""Seconds in files that are worth a word, if they are also a good part of the span."""
_SHARE_OF_FILES: Final = 0.2
_TOLD_BY_THEIR_END: Final = frozenset(
    {
        semconv.PROCESS_COMMAND_ARGS,
        semconv.FILE_IO_LEFT,
        semconv.FILE_IO_SHORT,
        semconv.FILE_IO_MISSING,
    }
)
"""As paths are: their end says which file it is about. Better cut than left out."""
_LEAST_OF_TEXT: Final = 16
_MOST: Final = 4096
_MOST_WORDS: Final = 100
_NS: Final = 1_000_000_000
_LONGEST: Final = 1e9
"""Seconds; what is more is no duration of ours."""


def all_attributes(span: Span) -> dict[str, Any]:
    """Return every attribute, after the production context that the span was recorded in."""
    context = {key: span.context[key] for key in PRODUCTION_ORDER if key in span.context}
    return context | dict(span.record.attributes)


def brief_attributes(span: Span) -> dict[str, Any]:
    """Return what is worth a place beside the name, the most telling first."""
    found = span.record.attributes
    quiet = _QUIET | _OF_A_COMMAND if semconv.PROCESS_COMMAND_ARGS in found else _QUIET
    kept = {
        key: item
        for key, item in found.items()
        if key not in quiet and not key.startswith(_QUIET_PREFIXES) and span.context.get(key) != item
    }
    words = kept.get(semconv.PROCESS_COMMAND_ARGS)
    if isinstance(words, (list, tuple)) and words and _program(words[0]) == span.record.name:
        kept[semconv.PROCESS_COMMAND_ARGS] = words[1:]  # the span is named for it
    return kept | _of_files(span)


def _program(path: Any) -> str:
    return str(path).replace("\\", "/").rpartition("/")[2]


def _of_files(span: Span) -> dict[str, Any]:
    """Return which files were cut short or not there, and where the time went if it went into files."""
    found = span.record.attributes
    keys = [semconv.FILE_IO_LEFT, semconv.FILE_IO_SHORT, semconv.FILE_IO_MISSING]
    seconds = found.get(semconv.FILE_IO_TIME)
    # An ended span's duration doesn't depend on the time that it is now; an open one has no sums yet.
    least = max(_LEAST_OF_FILES, _SHARE_OF_FILES * span.duration_ns(0) / _NS)
    if isinstance(seconds, (int, float)) and seconds >= least:
        keys += [semconv.FILE_IO_TIME, semconv.FILE_IO_SLOWEST_PATH]
    return {key: found[key] for key in keys if found.get(key)}


def attribute_text(key: str, item: Any, limit: int) -> str:
    """Return a value as text; seconds that are ours with the unit that suits them."""
    if key in _SECONDS:
        if isinstance(item, (list, tuple)):
            return value([attribute_text(key, each, limit) for each in item], limit)
        if isinstance(item, (int, float)) and 0 <= item < _LONGEST:
            return duration(round(item * _NS))
    return value(item, limit)


def attribute_pieces(attributes: Mapping[str, Any], room: int) -> Line:
    """Return `key=value` pieces, as many as fit into `room` cells; a command is told as one types it."""
    pieces: list[Piece] = []
    for key, item in attributes.items():
        is_command = key == semconv.PROCESS_COMMAND_ARGS and isinstance(item, (list, tuple))
        label = "" if is_command else f"{visible(key)}="
        text = _typed(item) if is_command else attribute_text(key, item, 60)
        left = room - 2 - cell_width(label)
        if left >= _LEAST_OF_TEXT and cell_width(text) > left and _is_told_by_its_end(key):
            text = _end_of(text if is_command else value(item, _MOST), left)
        if cell_width(text) > left or not (label or text):
            continue
        pieces += [("  ", ""), (label, "key"), (text, "value")]
        room = left - cell_width(text)
    return pieces


def _is_told_by_its_end(key: str) -> bool:
    return key.endswith(".path") or key in _TOLD_BY_THEIR_END


def _typed(words: Sequence[Any]) -> str:
    """Return a command line; words with blanks in quotes.

    >>> _typed(["-i", "plate v2.exr", ""])
    "-i 'plate v2.exr' ''"
    """
    shown = (value(word, _MOST) for word in words[:_MOST_WORDS])
    return " ".join(f"'{word}'" if not word or " " in word else word for word in shown)


def _end_of(text: str, cells: int) -> str:
    text = text[-cells + 1 :]
    while cell_width(text) >= cells:
        text = text[1:]
    return f"…{text}"
