"""Start a detached process on Linux so that the host can't notice: no SIGCHLD, nothing for its `os.wait()`.

The child is made by `clone` with exit signal 0: the kernel then sends no SIGCHLD, and `wait()` without
`__WCLONE` doesn't see it. Until it has started the drain it shares the memory of the host (CLONE_VM and
CLONE_VFORK, as glibc's posix_spawn does). So a host of 60 GB is not copied, and a lock that another thread
holds is released as usual.

Not one instruction of Python runs in the child. Beside a busy thread the interpreter would, on its way back
from the system call, hand the GIL to a thread that doesn't exist there, and wait for it for ever. The child
instead runs a chain of libc functions, made beforehand: `makecontext` prepares a call of one function with
its arguments, `uc_link` names the context that follows. The host's thread sleeps meanwhile, without the
GIL.

    host      clone ── child      clone ── grandchild   setsid, open /dev/null, dup2, close_range,
              wait4(__WALL)       _exit                 chdir, execve; memset (tells of a failure), _exit

All signals stay blocked until the new program runs (a handler of the host must not run in the child): it
unblocks them itself (`start.py`). Measurements and the ways not taken:
docs/explanation/starting-the-drain.md.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import mmap
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

from clientobs._own_file import read_kernel

__all__ = ["available", "launch"]

_CLONE_VM: Final = 0x100
_CLONE_VFORK: Final = 0x4000
_CLONE_PARENT_SETTID: Final = 0x100000
_WALL: Final = 0x40000000
_SYS_CLOSE_RANGE: Final = 436  # the same number on every architecture; ENOSYS before Linux 5.9
_MACHINES: Final = ("x86_64", "aarch64")

# struct ucontext_t of glibc, the head that both machines share: flags, link, stack {pointer, flags, size}.
_LINK, _STACK, _STACK_SIZE = 8, 16, 32
_CONTEXT_BYTES: Final = 8192
"""Room for one ucontext_t: 968 bytes on x86_64, 4560 on aarch64."""
_STACK_BYTES: Final = 16384
_STEPS: Final = 16
"""Pairs of context and stack that one launch may use: 12 calls and the 2 stacks that clone starts on."""


@functools.cache
def available() -> bool:
    """Say whether this way works here: Linux, glibc, a known machine, no shadow stack."""
    if sys.platform != "linux" or os.uname().machine not in _MACHINES or sys.maxsize < 1 << 32:
        return False
    try:
        libc = ctypes.CDLL("libc.so.6")
        return all(hasattr(libc, name) for name in ("makecontext", "clone")) and not _shadow_stack()
    except OSError:
        return False


def _shadow_stack() -> bool:
    # A context switched to by hand needs a shadow stack of its own; glibc would have to map it in the child.
    lines = read_kernel("/proc/self/status").splitlines()
    return any(line.startswith(b"x86_Thread_features:") and b"shstk" in line for line in lines)


class _Chain:
    """Calls of libc functions, one after the other, each with a stack of its own."""

    def __init__(self, libc: ctypes.PyDLL) -> None:
        self._libc = libc
        self._kept: list[object] = []
        self._map = mmap.mmap(-1, _STEPS * (_CONTEXT_BYTES + _STACK_BYTES))
        self._next = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        self._end = self._next + len(self._map)

    def _take(self, size: int) -> int:
        address, self._next = self._next, self._next + size
        if self._next > self._end:
            raise MemoryError("a launch needs more contexts than _STEPS")
        return address

    def stack_top(self) -> int:
        """Return the upper end of a fresh stack: stacks grow down."""
        return self._take(_STACK_BYTES) + _STACK_BYTES

    def address(self, name: str) -> int:
        """Return the address of a libc function."""
        return ctypes.cast(self._libc[name], ctypes.c_void_p).value or 0

    def text(self, value: bytes) -> int:
        """Keep a C string for as long as the chain lives, and return its address."""
        buffer = ctypes.create_string_buffer(value)
        self._kept.append(buffer)
        return ctypes.addressof(buffer)

    def vector(self, values: Sequence[bytes]) -> int:
        """Keep a null-terminated array of C strings (argv, envp), and return its address."""
        array = (ctypes.c_void_p * (len(values) + 1))(*[self.text(value) for value in values], None)
        self._kept.append(array)
        return ctypes.addressof(array)

    def build(self, *calls: tuple[str | int, ...]) -> int:
        """Return the context of the first call; each is (function name, integer arguments ...)."""
        contexts = [self._take(_CONTEXT_BYTES) for _ in calls]
        for (name, *arguments), context, link in zip(calls, contexts, [*contexts[1:], 0], strict=True):
            if self._libc.getcontext(ctypes.c_void_p(context)):
                raise OSError("getcontext failed")
            ctypes.c_uint64.from_address(context + _LINK).value = link
            ctypes.c_uint64.from_address(context + _STACK).value = self._take(_STACK_BYTES)
            ctypes.c_uint64.from_address(context + _STACK_SIZE).value = _STACK_BYTES
            self._libc.makecontext(
                ctypes.c_void_p(context),
                ctypes.c_void_p(self.address(str(name))),
                ctypes.c_int(len(arguments)),
                *[ctypes.c_uint64(int(argument)) for argument in arguments],
            )
        return contexts[0]


def launch(path: str, argv: Sequence[str], environ: Sequence[tuple[str, str]], folder: str) -> int:
    """Start `path` detached, in `folder`, with no inherited descriptor, and return its pid.

    Blocks until the new program runs (about a millisecond): call it from a background thread.
    Raises OSError where the kernel refuses the clone or the program can't be executed.
    """
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        return _launch(path, argv, environ, folder)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _launch(path: str, argv: Sequence[str], environ: Sequence[tuple[str, str]], folder: str) -> int:
    # libc by its name, not the global scope: what a host preloads around execve or open is not for us.
    # PyDLL: two dozen short calls that each let go of the GIL would wait 5 ms for it beside a busy thread.
    chain = _Chain(ctypes.PyDLL("libc.so.6"))
    result = (ctypes.c_int * 2)(0, 0)
    pid_at, failed_at = ctypes.addressof(result), ctypes.addressof(result) + ctypes.sizeof(ctypes.c_int)
    grandchild = chain.build(
        ("setsid",),
        ("close", 0),
        ("open", chain.text(b"/dev/null"), os.O_RDWR),
        ("dup2", 0, 1),
        ("dup2", 0, 2),
        ("syscall", _SYS_CLOSE_RANGE, 3, 0xFFFFFFFF, 0),
        ("chdir", chain.text(os.fsencode(folder))),
        (
            "execve",
            chain.text(os.fsencode(path)),
            chain.vector([os.fsencode(argument) for argument in argv]),
            chain.vector([os.fsencode(f"{name}={value}") for name, value in environ]),
        ),
        ("memset", failed_at, 1, 1),
        ("_exit", 127),
    )
    flags = _CLONE_VM | _CLONE_VFORK
    enter = chain.address("setcontext")
    child = chain.build(
        ("clone", enter, chain.stack_top(), flags | _CLONE_PARENT_SETTID, grandchild, pid_at), ("_exit", 0)
    )
    libc = ctypes.CDLL(
        "libc.so.6", use_errno=True
    )  # this call lets go of the GIL: it lasts until the drain runs
    pid = libc.clone(
        ctypes.c_void_p(enter),
        ctypes.c_void_p(chain.stack_top()),
        ctypes.c_int(flags),
        ctypes.c_void_p(child),
    )
    if pid < 0:
        raise OSError(ctypes.get_errno(), "clone failed")
    _reap(pid)
    if result[1] or result[0] <= 0:
        raise OSError(f"{path} could not be executed")
    return result[0]


def _reap(pid: int) -> None:
    # Where somebody in the host waits for clones too and was quicker, the zombie is gone: all that we want.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, _WALL)
