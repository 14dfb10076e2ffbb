"""The calls of `os` on names: stat and its family, rename, remove, mkdir and the like.

They are what a NAS is slow at. A call that succeeds at once adds to two numbers and no path is looked at; one
that took longer, or failed, is looked at closely. Patched in `os` alone: `posix` and `nt` stay as they are, and
with them the import system. What stands on these (os.path.exists, os.makedirs, os.walk, glob, pathlib) comes
through here too.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from clientobs.instruments.files.accounts import QUICK
from clientobs.instruments.files.pathtext import asked_for
from clientobs.instruments.files.telling import FAILING

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.instruments.files.desk import Desk
    from clientobs.instruments.files.telling import Failing

__all__ = ["CALLS", "CHANGES", "wrap_call", "wrap_change"]

CALLS: Final = (
    *("stat", "lstat", "access", "readlink", "mkdir", "rmdir", "link", "symlink"),
    *("chmod", "utime", "listdir", "statvfs", "chown", "lchown", "chdir", "listxattr"),
)


def wrap_call(original: Callable[..., Any], operation: str, desk: Desk) -> Callable[..., Any]:
    """Return a call of `os` whose first argument is a path, with counting around it."""
    here, get_current, clock, quick = desk.here, desk.get_current, perf_counter_ns, QUICK
    switch, failing = desk.switch, FAILING

    # As the original takes them: what is wrong with arguments, the original says in its own words.
    def call(_module: Any, /, *args: Any, **kwargs: Any) -> Any:
        began = clock()
        try:
            result = original(*args, **kwargs)
        except failing as error:
            if switch.on:  # else our names may be gone already: the interpreter ends
                _failed(desk, operation, args, kwargs, error, clock() - began)
            raise
        spent = clock() - began
        part = here.part
        if spent < quick and part.context is get_current():
            part.quick += 1
            part.quick_spent += spent
            return result
        if switch.on:
            _done(desk, operation, args, kwargs, spent)
        return result

    return call


def wrap_change(original: Callable[..., Any], operation: str, desk: Desk) -> Callable[..., Any]:
    """Return a call that changes what is known of a written file: its name, its end, its length."""
    clock, follow, switch, failing = perf_counter_ns, _FOLLOWS[operation], desk.switch, FAILING

    def change(_module: Any, /, *args: Any, **kwargs: Any) -> Any:
        began = clock()
        try:
            result = original(*args, **kwargs)
        except failing as error:
            if switch.on:
                _failed(desk, operation, args, kwargs, error, clock() - began)
            raise
        if switch.on:
            _done(desk, operation, args, kwargs, clock() - began)
            follow(desk, args, kwargs)
        return result

    return change


def _follow_rename(desk: Desk, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Follow a file to its new name: a rename may put a whole file in place."""
    source, target = _argument(args, kwargs, 0, "src"), _argument(args, kwargs, 1, "dst")
    if _is_whole(source, kwargs, "src_dir_fd") and _is_whole(target, kwargs, "dst_dir_fd"):
        desk.renamed(source, target)


def _follow_removal(desk: Desk, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Take back what was noted of the file: it no longer matters."""
    path = _argument(args, kwargs, 0, "path")
    if _is_whole(path, kwargs, "dir_fd"):
        desk.removed(path)


def _follow_truncation(desk: Desk, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Note a file that may have been left empty."""
    path, length = _argument(args, kwargs, 0, "path"), _argument(args, kwargs, 1, "length")
    if type(length) is int and type(path) is not int:
        desk.truncated(path, length)


_FOLLOWS: Final[dict[str, Callable[[Desk, tuple[Any, ...], dict[str, Any]], None]]] = {
    "rename": _follow_rename,
    "replace": _follow_rename,
    "remove": _follow_removal,
    "unlink": _follow_removal,
    "truncate": _follow_truncation,
}
CHANGES: Final = tuple(_FOLLOWS)


def _argument(args: tuple[Any, ...], kwargs: dict[str, Any], place: int, name: str) -> Any:
    return args[place] if len(args) > place else kwargs.get(name)


def _is_whole(path: Any, kwargs: dict[str, Any], folder: str) -> bool:
    """Say whether a path says where something is by itself: not below an open folder."""
    return path is not None and (kwargs.get(folder) is None or _absolute(path))


def _path_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    path = args[0] if args else kwargs.get("path", kwargs.get("src", "."))
    # Below an open folder (dir_fd) the name says nothing of the mount; a descriptor has no name.
    below_descriptor = kwargs.get("dir_fd") is not None or kwargs.get("src_dir_fd") is not None
    return "" if type(path) is int or (below_descriptor and not _absolute(path)) else path


def _absolute(path: Any) -> bool:
    return isinstance(path, str) and path.startswith("/")


def _done(desk: Desk, operation: str, args: tuple[Any, ...], kwargs: dict[str, Any], spent: int) -> None:
    path = _path_of(args, kwargs)
    if path is not None:
        desk.done(operation, path, spent)


def _failed(
    desk: Desk, operation: str, args: tuple[Any, ...], kwargs: dict[str, Any], error: Failing, spent: int
) -> None:
    desk.failed(
        operation, asked_for(_path_of(args, kwargs) or "", getattr(error, "filename", None)), error, spent
    )
