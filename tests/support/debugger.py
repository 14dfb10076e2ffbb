"""A debugger that attaches to a host by debugpy, as an editor does: the part of its protocol that a test needs.

https://microsoft.github.io/debug-adapter-protocol/specification
"""

from __future__ import annotations

import json
import socket
from typing import Any

__all__ = ["Debugger"]

_PATIENCE = 30.0


class Debugger:
    """One session over a socket on loopback."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
        self._file = self._socket.makefile("rb")
        self._sent = 0
        self._thread = 0

    def attach(self) -> None:
        """Attach, with no breakpoint but those that the program itself sets."""
        self._send("initialize", adapterID="test", clientID="test", pathFormat="path")
        self._send("attach", justMyCode=False)
        self._wait_for("initialized")
        self._send("configurationDone")

    def wait_until_stopped(self) -> None:
        """Wait until a thread of the host stands at a breakpoint."""
        self._thread = int(self._wait_for("stopped")["threadId"])

    def go_on(self) -> None:
        """Let it go on."""
        self._send("continue", threadId=self._thread)
        self._wait_for("continued", "continue")

    def close(self) -> None:
        """Detach."""
        self._send("disconnect", terminateDebuggee=False)
        self._file.close()
        self._socket.close()

    def _send(self, command: str, **arguments: object) -> None:
        self._sent += 1
        message = {"seq": self._sent, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(message).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def _wait_for(self, *names: str) -> dict[str, Any]:
        while True:
            size = 0
            while line := self._file.readline().strip():
                size = int(line.rpartition(b" ")[2])
            assert size, "the debugged host has gone"
            message = json.loads(self._file.read(size))
            if message.get("event") in names or message.get("command") in names:
                return dict(message.get("body") or {})
