"""Replace functions of others, and put them back.

Three rules, for every patch. Undo restores the very object that was there, and leaves alone what somebody put on
top of us since: the wrapper that then stays behind calls the original and does nothing else (`Switch.on` is
False). A wrapper looks like the original: name, docstring, signature, attributes. Modules that took the
original into a name of their own (`from builtins import open`) are patched by that name too.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

from clientobs._guarded import quiet
from clientobs._stand_in import in_place_of, look_like

__all__ = ["Patches", "Switch", "dressed", "in_place_of", "loaded"]


class Switch:
    """What every wrapper of one instrument asks first; off, it is a pass-through."""

    __slots__ = ("on",)

    def __init__(self) -> None:
        self.on = False


class _Patch(NamedTuple):
    owner: Any
    name: str
    original: Any
    wrapper: Any


class Patches:
    """The patches of one instrument."""

    __slots__ = ("_made", "_sets")

    def __init__(self) -> None:
        self._made: list[_Patch] = []
        self._sets: list[tuple[set[Any], Any]] = []

    def replace(self, owner: Any, name: str, original: Any, wrapper: Any) -> None:
        """Replace `owner.name`, which is `original`, by a wrapper that is made already."""
        self._made.append(_Patch(owner, name, original, wrapper))
        setattr(owner, name, wrapper)

    def join(self, members: set[Any], original: Any, wrapper: Any) -> None:
        """Let `wrapper` be in a set of functions that `original` is in (os.supports_fd and its like)."""
        if original in members:
            members.add(wrapper)
            self._sets.append((members, wrapper))

    def undo(self) -> None:
        """Restore what is still ours, the last patch first."""
        while self._made:
            patch = self._made.pop()
            with quiet("patches.undo"):
                if vars(patch.owner).get(patch.name) is patch.wrapper:
                    setattr(patch.owner, patch.name, patch.original)
        while self._sets:
            members, wrapper = self._sets.pop()
            members.discard(wrapper)

    @property
    def names(self) -> tuple[str, ...]:
        """What is patched, for `doctor`: "os.stat", "threading.Thread.start"."""
        return tuple(f"{_name_of(p.owner)}.{p.name}" for p in self._made)

    def of(self, name: str) -> tuple[Any, Any] | None:
        """Return original and wrapper of the first patch under that name."""
        return next(((p.original, p.wrapper) for p in self._made if p.name == name), None)


def _name_of(owner: Any) -> str:
    if isinstance(owner, type):
        return f"{owner.__module__}.{owner.__qualname__}"
    return str(getattr(owner, "__name__", owner))


def dressed(wrapper: Any, original: Any) -> Any:
    """Return a wrapper for a Python function, with the original's looks (shutil.rmtree carries an attribute)."""
    look_like(wrapper, original)
    for name in dir(original):
        if not name.startswith("_") and not hasattr(wrapper, name):
            setattr(wrapper, name, getattr(original, name))
    return wrapper


def loaded(module: str) -> Any:
    """Return a module if the program has loaded it, else None."""
    return sys.modules.get(module)
