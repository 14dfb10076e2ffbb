"""A hang in words and attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs.drain.runs.last_words import iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clientobs.drain.hangs.episode import Episode

__all__ = ["hang_attributes", "hang_sentence"]

_REASONS: Final = {
    "interface": "The interface does not answer",
    "computing": "The main thread computes without a pause",
    "file": "The main thread waits for a file",
    "deadlock": "The threads wait for each other",
    "native": "The interpreter is held by native code",
    "stalled": "Known work moves nothing any more",
}
_MAX_THREADS: Final = 50


def hang_sentence(episode: Episode, mount: str) -> str:
    """Return a hang in one sentence: how, in what, where."""
    if episode.over_at:
        seconds = (episode.over_at - episode.since) / 1e9
        return f"The application answers again after {seconds:.1f} s{_where(episode)}."
    said = _REASONS.get(episode.reason, "The application does not answer")
    if episode.reason == "file" and episode.path:
        said = f"{said} ({episode.operation} {episode.path})"
    if mount:
        said = f"{said} on {mount}"
    during = f" during {episode.spans[-1].name!r}" if episode.spans else ""
    return f"{said}{during}{_where(episode)}."


def _where(episode: Episode) -> str:
    found = episode.culprit()
    return f", in {found[0][1]}()" if found and found[0][1] else ""


def hang_attributes(episode: Episode, *, ident: str, since_wall: int, lines: Sequence[str]) -> dict[str, Any]:
    """Return what is told of a hang at its start, and in more detail at its end."""
    end = episode.over_at or episode.hung_at
    attributes: dict[str, Any] = {
        **episode.dcc,
        semconv.HANG_ID: ident,
        semconv.HANG_REASON: episode.reason,
        semconv.HANG_SINCE: iso(since_wall),
        semconv.HANG_DURATION: max(0, end - episode.since) / 1e9,
        semconv.HANG_THRESHOLD: episode.threshold / 1e9,
        semconv.HANG_STACK_SOURCE: episode.seen_by or "none",
        semconv.TOOL_WORK: episode.work,
        semconv.FILE_OPERATION: episode.operation,
        semconv.FILE_PATH: episode.path,
        semconv.HANG_WAITS: episode.waits,
        semconv.HANG_STACKS: episode.folded(),
        semconv.HANG_THREADS: [
            f"{name}: {episode.fold(number)}" for name, number in list(episode.others.items())[:_MAX_THREADS]
        ],
        semconv.OPEN_SPANS: [
            f"{span.name} ({max(0, end - span.start_mono) / 1e9:.1f} s)" for span in episode.spans
        ],
        semconv.LAST_LOG_LINES: list(lines),
        semconv.CODE_STACKTRACE: _stacktrace(episode),
        **_culprit(episode),
    }
    return {name: value for name, value in attributes.items() if value not in ("", [], None)}


def _stacktrace(episode: Episode) -> str:
    return "\n".join(
        f'  File "{file}", line {line}, in {function}' for (_, function, file, _), line in episode.stack()
    )


def _culprit(episode: Episode) -> dict[str, Any]:
    found = episode.culprit()
    if found is None:
        return {}
    (module, function, file, _), line = found
    return {
        semconv.CODE_FUNCTION_NAME: f"{module}.{function}" if module else function,
        semconv.CODE_FILE_PATH: file,
        semconv.CODE_LINE_NUMBER: line or None,
    }
