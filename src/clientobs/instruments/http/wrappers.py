"""What stands in place of the methods of http.client: each calls the original exactly once.

They decide nothing: what happened is the desk's to judge, and each of its methods is guarded. An exception passes
as it is, with the one frame of the wrapper in its traceback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clientobs.instruments.http.exchange import EXCHANGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.instruments.http.desk import Desk

__all__ = ["CONNECTION", "RESPONSE", "wrap_connect"]


def wrap_init(original: Callable[..., Any], desk: Desk) -> Callable[..., Any]:
    """Look at the class of each connection once: its own `connect` is to be seen too."""
    known = desk.known

    def __init__(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807  # it is one
        if type(self) not in known:
            desk.meet(type(self))
        return original(self, *args, **kwargs)

    return __init__


def wrap_connect(original: Callable[..., Any], desk: Desk) -> Callable[..., Any]:
    """Time a connection, whoever asks for it."""

    def connect(self: Any, *args: Any, **kwargs: Any) -> Any:
        line = desk.connecting(self)
        if line is None:  # off, or called by another `connect` that is seen already
            return original(self, *args, **kwargs)
        began = desk.mono()
        try:
            result = original(self, *args, **kwargs)
        except BaseException as error:
            desk.not_connected(self, line, began, error)
            raise
        desk.connected(line, began)
        return result

    return connect


def wrap_endheaders(original: Callable[..., Any], desk: Desk) -> Callable[..., Any]:
    """Begin the span: from here on the request goes out."""

    def endheaders(self: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = desk.begin(self)
        if exchange is None:
            return original(self, *args, **kwargs)
        try:
            result = original(self, *args, **kwargs)
        except BaseException as error:
            desk.not_sent(self, exchange, error)
            raise
        return result

    return endheaders


def wrap_send(original: Callable[..., Any], desk: Desk) -> Callable[..., Any]:
    """Count what is sent; urllib3 sends bodies from outside `endheaders`."""

    def send(self: Any, *args: Any, **kwargs: Any) -> Any:
        line = desk.line(self)
        if line is None or line.connecting:  # none yet: whoever sends so early sends no request
            return original(self, *args, **kwargs)
        try:
            result = original(self, *args, **kwargs)
        except BaseException as error:
            if line.exchange is not None:
                desk.not_sent(self, line.exchange, error)
            raise
        if line.exchange is not None:
            desk.sent(line.exchange, *args, **kwargs)
        return result

    return send


def wrap_getresponse(original: Callable[..., Any], desk: Desk) -> Callable[..., Any]:
    """Wait for the answer's head."""

    def getresponse(self: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = desk.awaiting(self)
        if exchange is None:
            return original(self, *args, **kwargs)
        try:
            response = original(self, *args, **kwargs)
        except BaseException as error:
            desk.no_answer(self, exchange, error)
            raise
        desk.answered(self, exchange, response)
        return response

    return getresponse


def wrap_begin(original: Callable[..., Any], desk: Desk) -> Callable[..., Any]:
    """Count what arrives for an answer that is waited for, from its first byte on."""
    here = desk.here

    def begin(self: Any, *args: Any, **kwargs: Any) -> Any:
        if here.awaited is not None:
            desk.listen(self)
        return original(self, *args, **kwargs)

    return begin


def wrap_close_conn(original: Callable[..., Any], desk: Desk) -> Callable[..., Any]:
    """End the span: the body is over, or nobody wants the rest of it."""

    def _close_conn(self: Any, *args: Any, **kwargs: Any) -> Any:
        fields = getattr(self, "__dict__", None)
        if fields is not None and EXCHANGE in fields:
            desk.over(self)
        return original(self, *args, **kwargs)

    return _close_conn


CONNECTION = {
    "__init__": wrap_init,
    "connect": wrap_connect,
    "endheaders": wrap_endheaders,
    "send": wrap_send,
    "getresponse": wrap_getresponse,
}
RESPONSE = {"begin": wrap_begin, "_close_conn": wrap_close_conn}
