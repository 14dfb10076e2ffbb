"""Replace functions of others, and put them back.

Three rules, for every patch. Undo restores the very object that was there, and leaves alone what somebody put on
top of us since: the wrapper that then stays behind calls the original and does nothing else (`Switch.on` is
False). A wrapper looks like the original: name, docstring, signature, attributes. Modules that took the
original into a name of their own (`from builtins import open`) are patched by that name too.
"""

from __future__ import annotations

import functools
import importlib
import sys
import types
from typing import TYPE_CHECKING, Any, NamedTuple

from clientobs._guarded import quiet

if TYPE_CHECKING:
    import inspect

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


class _Anchor:
    """What a wrapper of a built-in function is bound to: the module, as the function itself is."""

    __slots__ = ("module",)

    def __init__(self, module: str) -> None:
        self.module = module

    def __repr__(self) -> str:
        return f"<module {self.module!r}>"

    def __getattr__(self, name: str) -> Any:
        """Answer as the module does: what copies a bound method asks its owner for it by name."""
        if name.startswith("__") or name == "module":
            raise AttributeError(name)
        return getattr(sys.modules[self.module], name)

    def __deepcopy__(self, _memo: Any) -> _Anchor:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return importlib.import_module, (self.module,)


class _Unbound:
    """Stands between a wrapper and the built-in function behind it, for whoever asks for the signature.

    That of a built-in function is text, which `inspect` parses with a compiler's whole machinery: 0.2 ms each, at
    every start, for twenty functions whose signature hardly a program ever wants.
    """

    __slots__ = ("__wrapped__",)

    def __init__(self, original: Any) -> None:
        self.__wrapped__ = original

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(*args, **kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        """The original's, with the argument in front that a bound method takes away again."""
        import inspect  # noqa: PLC0415  # the host that asks has it

        try:
            signature = inspect.signature(self.__wrapped__)
        except (ValueError, TypeError) as error:
            raise AttributeError("__signature__") from error  # then the original is asked, and tells none
        front = inspect.Parameter("module", inspect.Parameter.POSITIONAL_ONLY)
        return signature.replace(parameters=[front, *signature.parameters.values()])


def in_place_of(wrapper: Any, original: Any, module: str) -> Any:
    """Return a wrapper for a built-in function; `wrapper` takes one argument more, in front, and ignores it.

    A built-in function that is kept in a class does not become a method of it, a Python function does, and then
    gets an argument too many (`dbm.dumb` keeps `open` so). A bound method stays what it is. It is also pickled
    by its name in `module`, as functions are that go to a pool of processes.
    """
    _look_like(wrapper, original)
    wrapper.__wrapped__ = _Unbound(original)
    return types.MethodType(wrapper, _Anchor(module))


def dressed(wrapper: Any, original: Any) -> Any:
    """Return a wrapper for a Python function, with the original's looks (shutil.rmtree carries an attribute)."""
    _look_like(wrapper, original)
    for name in dir(original):
        if not name.startswith("_") and not hasattr(wrapper, name):
            setattr(wrapper, name, getattr(original, name))
    return wrapper


def _look_like(wrapper: Any, original: Any) -> None:
    functools.update_wrapper(wrapper, original)
    if not hasattr(original, "__name__"):  # an instance with __call__
        wrapper.__name__ = wrapper.__qualname__ = type(original).__name__


def loaded(module: str) -> Any:
    """Return a module if the program has loaded it, else None."""
    return sys.modules.get(module)
