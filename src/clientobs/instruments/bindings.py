"""Methods of Qt's classes, as PySide6, PyQt6, PySide2 and PyQt5 bind them, with something of ours in front.

A plain Python function in the place of such a method is not invisible. `button.clicked.connect(thread.start)`
takes the bound C++ method for the slot that it is, and a Python function for one that wants the signal's
arguments. The bindings put an error together by looking the method up by its name: PySide6 then says "missing
signature", PySide2 ends the process, PyQt counts arguments from the wrong end. So what stands in the class is a
descriptor, and the method that a program gets is the binding's own wherever that is possible:

- `Reached` tells us that the method of an object is about to be called, and hands out the binding's own method;
- `Called` hands out a wrapper, for methods that are no slots and whose arguments we need; read from the class, as
  the bindings do, it is the binding's own;
- `Static` stands for a function of the class: what is no sure call goes to the binding's own, back in its place.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import faults

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["QT_CORE", "Called", "Reached", "Static", "is_overridden"]

QT_CORE: Final = ("PySide6.QtCore", "PyQt6.QtCore", "PySide2.QtCore", "PyQt5.QtCore")


class Reached:
    """Calls `reached(instance)` whenever the method is taken from an object, which is ahead of each call."""

    __slots__ = ("_original", "_reached")

    def __init__(self, original: Any, reached: Callable[[Any], None]) -> None:
        self._original = original
        self._reached = reached

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is not None:
            try:
                self._reached(instance)
            except Exception as error:  # noqa: BLE001  # the wall
                faults.record("qt.reached", error)
        return self._original.__get__(instance, owner)


class Called:
    """Hands out, as the method of an object, what `wrap` makes of the binding's own bound method."""

    __slots__ = ("_original", "_wrap")

    def __init__(self, original: Any, wrap: Callable[[Any], Callable[..., Any]]) -> None:
        self._original = original
        self._wrap = wrap

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        bound = self._original.__get__(instance, owner)
        if instance is None:
            return bound
        call = self._wrap(bound)
        # Its docstring stays where it is: PySide2 makes one when asked, and ends the process where it can't.
        call.__name__ = call.__qualname__ = bound.__name__
        return types.MethodType(call, instance)


class Static:
    """Hands out `call(own, ...)`, `own` being the binding's function, for calls that `fits` says can't be refused."""

    __slots__ = ("_call", "_fits", "_name", "_original", "_owner")

    def __init__(
        self, owner: type, name: str, *, fits: Callable[..., bool], call: Callable[..., Any]
    ) -> None:
        self._owner = owner
        self._name = name
        self._original = vars(owner)[name]
        self._fits = fits
        self._call = call

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        own = self._original.__get__(instance, owner)

        def function(*args: Any, **kwargs: Any) -> Any:
            if self._fits(instance, *args, **kwargs):
                return self._call(own, instance, *args)
            # The binding looks itself up by name while it makes the error: it has to find what it knows.
            is_here = vars(self._owner).get(self._name) is self
            if is_here:
                setattr(self._owner, self._name, self._original)
            try:
                return own(*args, **kwargs)
            finally:
                if is_here:
                    setattr(self._owner, self._name, self)

        function.__name__ = function.__qualname__ = self._name
        return function


def is_overridden(instance: Any, name: str, base: type) -> bool:
    """Say whether a Python class below the binding's own `base` has a method of that name."""
    for owner in type(instance).__mro__:
        if name in vars(owner):
            return owner is not base and issubclass(owner, base)
    return False
