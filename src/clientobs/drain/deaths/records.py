"""What the crash recorders of systems say of one process: a shape for all of them, and the names of codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["SystemRecord", "exception_name"]

_EXCEPTIONS: Final = {
    0x80000003: "EXCEPTION_BREAKPOINT",
    0xC0000005: "EXCEPTION_ACCESS_VIOLATION",
    0xC0000006: "EXCEPTION_IN_PAGE_ERROR",
    0xC0000017: "STATUS_NO_MEMORY",
    0xC000001D: "EXCEPTION_ILLEGAL_INSTRUCTION",
    0xC0000094: "EXCEPTION_INT_DIVIDE_BY_ZERO",
    0xC0000096: "EXCEPTION_PRIV_INSTRUCTION",
    0xC00000FD: "EXCEPTION_STACK_OVERFLOW",
    0xC0000374: "STATUS_HEAP_CORRUPTION",
    0xC0000409: "STATUS_STACK_BUFFER_OVERRUN",
    0xC06D007E: "DELAY_LOAD_MODULE_NOT_FOUND",
    0xE06D7363: "CPP_EXCEPTION",
}
"""NTSTATUS values of <ntstatus.h>, and what Visual C++ raises for delay-loading and for its own exceptions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRecord:
    """One death as the system recorded it.

    name: of the signal or exception. module: the binary, with function or offset. hang: it was ended since it did
    not answer. path: the report, where that is a file.
    """

    pid: int
    name: str = ""
    module: str = ""
    hang: bool = False
    path: str = ""
    source: str = ""


def exception_name(code: int) -> str:
    """Return the name of a Windows exception code, or the code.

    >>> exception_name(0xC0000005), exception_name(0xC0001234)
    ('EXCEPTION_ACCESS_VIOLATION', '0xC0001234')
    """
    return _EXCEPTIONS.get(code, f"0x{code:08X}")
