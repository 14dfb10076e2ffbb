"""The summary of a span: what its book says, as attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.instruments.files.books import Book, Total
    from clientobs.instruments.files.pathtext import PathText

__all__ = ["summary_of"]

_MOST_MOUNTS: Final = 8
_MOST_LISTED: Final = 16
_NOTED: Final = {
    "missing": semconv.FILE_IO_MISSING,
    "empty": semconv.FILE_IO_EMPTY,
    "short": semconv.FILE_IO_SHORT,
    "left": semconv.FILE_IO_LEFT,
}


def summary_of(book: Book, text: PathText, *, publishing: bool) -> dict[str, Any]:
    """Return the attributes; {} where nothing worth a word happened. Times are in seconds."""
    totals = sorted(book.totals.values(), key=lambda total: -total.spent)
    operations = sum(total.operations for total in totals) + book.quick + book.probed
    if not operations and not book.failed:
        return {}
    network = sum(total.spent for total in totals if total.network)
    local = sum(total.spent for total in totals if not total.network) + book.quick_spent
    summary: dict[str, Any] = {
        semconv.FILE_IO_OPERATIONS: operations,
        semconv.FILE_IO_OPENED: sum(total.opened for total in totals),
        semconv.FILE_IO_TIME: (network + local) / 1e9,
        semconv.FILE_IO_READ: sum(total.read for total in totals),
        semconv.FILE_IO_WRITTEN: sum(total.written for total in totals),
    }
    if network:
        summary[semconv.FILE_IO_NETWORK_TIME] = network / 1e9
        summary[semconv.FILE_IO_LOCAL_TIME] = local / 1e9
    if book.sampled:
        summary[semconv.FILE_IO_READ_ESTIMATED] = True
    _add_mounts(summary, totals)
    _add_slowest(summary, book, text)
    _add_failures(summary, book, text)
    _add_facts(summary, book, text, publishing=publishing)
    return summary


def _add_mounts(summary: dict[str, Any], totals: list[Total]) -> None:
    listed = totals[:_MOST_MOUNTS]
    columns: dict[str, Callable[[Total], Any]] = {
        semconv.FILE_IO_MOUNTS: lambda total: total.point or "(unknown)",
        semconv.FILE_IO_MOUNT_KINDS: lambda total: total.kind,
        semconv.FILE_IO_MOUNT_OPERATIONS: lambda total: total.operations,
        semconv.FILE_IO_MOUNT_TIMES: lambda total: total.spent / 1e9,
        semconv.FILE_IO_MOUNT_READ: lambda total: total.read,
        semconv.FILE_IO_MOUNT_WRITTEN: lambda total: total.written,
    }
    if listed:
        for name, value in columns.items():
            summary[name] = [value(total) for total in listed]


def _add_slowest(summary: dict[str, Any], book: Book, text: PathText) -> None:
    spent, path, operation = book.worst
    if spent:
        summary[semconv.FILE_IO_SLOWEST_TIME] = spent / 1e9
        summary[semconv.FILE_IO_SLOWEST_OPERATION] = operation
        told = text.short(path)
        if told:
            summary[semconv.FILE_IO_SLOWEST_PATH] = told


def _add_failures(summary: dict[str, Any], book: Book, text: PathText) -> None:
    failed = book.failed + book.probed
    if failed:
        summary[semconv.FILE_IO_FAILED] = failed
    if book.failures:
        summary[semconv.FILE_IO_FAILURES] = [
            f"{one.code} {one.operation} {text.short(one.path)}"
            + (f" -> {text.short(one.target)}" if one.target else "")
            + (f" ({one.count}x)" if one.count > 1 else "")
            for one in list(book.failures.values())[:_MOST_LISTED]
        ]
    if book.wanted:
        summary[semconv.FILE_IO_SPANS_DROPPED] = book.wanted


def _add_facts(summary: dict[str, Any], book: Book, text: PathText, *, publishing: bool) -> None:
    for what, name in _NOTED.items():
        paths = book.noted.get(what)
        if paths:
            summary[name] = [text.full(path) for path in tuple(paths)]
    if book.atomic:
        summary[semconv.FILE_IO_ATOMIC] = book.atomic
    outside = book.noted.get("outside")
    if publishing and outside:
        summary[semconv.FILE_IO_OUTSIDE] = [text.full(path) for path in tuple(outside)]
