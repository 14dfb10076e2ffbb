"""shutil: copies, moves and removals, of one file or a tree, as one operation with bytes and number of files.

Copying goes past Python's read and write (sendfile, copy_file_range), so the bytes are those that the target
has when it is done. What happens inside a tree operation is counted as ever; the operation itself has a span
when it is slow or fails.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._guarded import faults
from clientobs.instruments.files.pathtext import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.instruments.files.desk import Desk

__all__ = ["TREES", "wrap_copyfile", "wrap_tree"]

TREES: Final = ("copy", "copy2", "copytree", "move", "rmtree")


class Tree:
    """One operation under way on this thread."""

    __slots__ = ("files", "size")

    def __init__(self) -> None:
        self.files = 0
        self.size = 0


def wrap_tree(original: Callable[..., Any], operation: str, desk: Desk) -> Callable[..., Any]:
    """Return a function of shutil that may handle many files, as one operation."""
    here = desk.here

    def tree_operation(*args: Any, **kwargs: Any) -> Any:
        if here.tree is not None or not desk.switch.on or here.busy:
            return original(*args, **kwargs)  # copytree's own copy2, move's own rmtree
        tree = here.tree = Tree()
        began = perf_counter_ns()
        try:
            result = original(*args, **kwargs)
        except OSError as error:
            _tell_failure(desk, operation, args, kwargs, error, perf_counter_ns() - began, tree)
            raise
        finally:
            here.tree = None
        if operation == "rmtree" and args:
            desk.removed(args[0], folder=True)
        _tell(desk, operation, args, kwargs, perf_counter_ns() - began, tree)
        return result

    return tree_operation


def wrap_copyfile(original: Callable[..., Any], desk: Desk) -> Callable[..., Any]:
    """Return shutil.copyfile, which all copies of shutil come down to."""
    here = desk.here

    def copyfile(*args: Any, **kwargs: Any) -> Any:
        if not desk.switch.on or here.busy:
            return original(*args, **kwargs)
        here.unseen = 0
        began = perf_counter_ns()
        try:
            result = original(*args, **kwargs)
        except OSError as error:
            _tell_failed_copy(desk, args, kwargs, error, perf_counter_ns() - began)
            raise
        _take_copy(desk, args, kwargs, perf_counter_ns() - began)
        return result

    return copyfile


def _take_copy(desk: Desk, args: tuple[Any, ...], kwargs: dict[str, Any], spent: int) -> None:
    """Add the bytes that went past Python: those of the target, as its close has just seen them."""
    try:
        source, target = _two(args, kwargs)
        text = text_of(target)
        size = desk.take_copied(text_of(source), text)
        tree = desk.here.tree
        if tree is not None:
            tree.files += 1
            tree.size += size
        elif desk.is_slow(text, spent):
            more = {semconv.FILE_SIZE: size, semconv.FILE_TARGET: desk.text.full(target)}
            desk.tell_slow("copyfile", source, spent, **more)
    except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
        faults.record("files.copyfile", error)


def _tell_failed_copy(
    desk: Desk, args: tuple[Any, ...], kwargs: dict[str, Any], error: OSError, spent: int
) -> None:
    try:
        desk.copy_failed(*_two(args, kwargs), error, spent)
    except Exception as fault:  # noqa: BLE001  # the wall between telemetry and the host
        faults.record("files.copyfile", fault)


def _two(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    source = args[0] if args else kwargs.get("src", kwargs.get("path", ""))
    target = args[1] if len(args) > 1 else kwargs.get("dst", "")
    return source, target


def _facts(desk: Desk, args: tuple[Any, ...], kwargs: dict[str, Any], tree: Tree) -> dict[str, Any]:
    target = _two(args, kwargs)[1]
    facts: dict[str, Any] = {semconv.FILE_COUNT: tree.files, semconv.FILE_SIZE: tree.size}
    if text_of(target):
        facts[semconv.FILE_TARGET] = desk.text.full(target)
    return facts


def _tell(
    desk: Desk, operation: str, args: tuple[Any, ...], kwargs: dict[str, Any], spent: int, tree: Tree
) -> None:
    try:
        source, target = _two(args, kwargs)
        place = text_of(target) if operation != "rmtree" else text_of(source)
        if desk.is_slow(place, spent):
            desk.tell_slow(operation, source, spent, **_facts(desk, args, kwargs, tree))
    except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
        faults.record("files.tree", error)


def _tell_failure(
    desk: Desk,
    operation: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    error: OSError,
    spent: int,
    tree: Tree,
) -> None:
    try:
        if (
            error.errno is None and tree.files
        ):  # shutil.Error: some of the files of a tree could not be copied
            desk.tell_slow(operation, _two(args, kwargs)[0], spent, **_facts(desk, args, kwargs, tree))
    except Exception as fault:  # noqa: BLE001  # the wall between telemetry and the host
        faults.record("files.tree", fault)
