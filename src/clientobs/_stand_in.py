"""A wrapper in the place of a built-in function: called, bound, pickled and asked for its signature as that is."""

from __future__ import annotations

import functools
import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import inspect

__all__ = ["in_place_of", "look_like"]


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
    look_like(wrapper, original)
    wrapper.__wrapped__ = _Unbound(original)
    return types.MethodType(wrapper, _Anchor(module))


def look_like(wrapper: Any, original: Any) -> None:
    """Give a wrapper the name, the docstring and the attributes of the original."""
    functools.update_wrapper(wrapper, original)
    if not hasattr(original, "__name__"):  # an instance with __call__
        wrapper.__name__ = wrapper.__qualname__ = type(original).__name__
