"""What stands in and behind an exception, read past the code of its class.

A class may have a `__getattr__` that looks names up in an answer of a server (and raises KeyError), a property in
place of `__traceback__`, a metaclass, a `__bool__`. What Python itself keeps of an exception is read by Python's own
descriptors, so that no such class hides its failure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import TypeIs

__all__ = [
    "behind",
    "cause_of",
    "class_name",
    "is_a",
    "is_silenced",
    "members_of",
    "mro_names",
    "notes_of",
    "said_by_class",
    "trace_of",
]

E = TypeVar("E", bound=BaseException)

_KEPT: Final = vars(BaseException)
_trace: Final[Any] = _KEPT["__traceback__"].__get__
_cause: Final[Any] = _KEPT["__cause__"].__get__
_context: Final[Any] = _KEPT["__context__"].__get__
_silenced: Final[Any] = _KEPT["__suppress_context__"].__get__
_of_class: Final[Any] = type.__getattribute__


def trace_of(error: BaseException) -> TracebackType | None:
    """Return the traceback."""
    found: TracebackType | None = _trace(error)
    return found


def cause_of(error: BaseException) -> BaseException | None:
    """Return what an exception was raised `from`."""
    found: BaseException | None = _cause(error)
    return found


def behind(error: BaseException) -> BaseException | None:
    """Return the cause, or what was handled when the exception was raised."""
    found: BaseException | None = _cause(error)
    return found if found is not None else _context(error)


def is_silenced(error: BaseException) -> bool:
    """Say whether what was handled then is not to be shown: `raise ... from None`."""
    return bool(_silenced(error))


def members_of(error: BaseException) -> tuple[Any, ...]:
    """Return the exceptions of a group, () of anything else; groups of older Pythons are a package's own class."""
    try:
        found = getattr(error, "exceptions", None)
    except Exception:  # noqa: BLE001  # the class's own code
        return ()
    return found if isinstance(found, tuple) else ()


def notes_of(error: BaseException) -> list[Any]:
    """Return what was added by `add_note`."""
    try:
        found = getattr(error, "__notes__", None)
    except Exception:  # noqa: BLE001  # the class's own code
        return []
    return found if isinstance(found, list) else []


def is_a(error: BaseException, kind: type[E]) -> TypeIs[E]:
    """Say whether an exception is of a class, as `isinstance` does without asking for a `__class__`."""
    return issubclass(type(error), kind)


def class_name(kind: type[BaseException]) -> tuple[object, str]:
    """Return module and qualified name of a class."""
    return _of_class(kind, "__module__"), _of_class(kind, "__qualname__")


def said_by_class(error: BaseException, name: str) -> object:
    """Return an attribute of an exception's class, None where it has none."""
    try:
        return _of_class(type(error), name)
    except Exception:  # noqa: BLE001  # none, or the class's own code
        return None


def mro_names(kind: type[BaseException]) -> set[str]:
    """Return the names of a class and of those that it derives from, with their modules and without."""
    names: set[str] = set()
    for each in _of_class(kind, "__mro__"):
        module, name = class_name(each)
        names.update((name, f"{module}.{name}"))
    return names
