"""The machine as resource attributes: host.* and os.*, from cheap sources, without starting anything."""

from __future__ import annotations

import os
import sys
from typing import Final

from clientobs import semconv

__all__ = ["attributes"]

_OS_TYPE: Final = {"linux": "linux", "win32": "windows", "darwin": "darwin", "cygwin": "windows"}
_ARCHITECTURE: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def attributes() -> dict[str, str]:
    """Return what names this machine and its operating system; what is not known is left out."""
    uname = os.uname() if hasattr(os, "uname") else None
    machine = (uname.machine if uname else os.environ.get("PROCESSOR_ARCHITECTURE", "")).lower()
    found = {
        # os.uname asks the kernel; platform.node() would start `uname` in a child on some systems.
        semconv.HOST_NAME: uname.nodename if uname else os.environ.get("COMPUTERNAME", ""),
        semconv.HOST_ARCH: _ARCHITECTURE.get(machine, machine),
        semconv.OS_TYPE: _OS_TYPE.get(sys.platform, sys.platform),
        semconv.OS_VERSION: uname.release if uname else _windows_version(),
    }
    return {key: value for key, value in found.items() if value}


def _windows_version() -> str:
    asked = getattr(sys, "getwindowsversion", None)
    return "{}.{}.{}".format(*asked()[:3]) if asked else ""
