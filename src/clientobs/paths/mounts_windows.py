"""The mount table of Windows: the drive letters, as the mount manager and the redirector remember them.

GetDriveTypeW and WNetGetConnectionW answer without the server. UNC paths have no drive; `MountTable` takes
them for shares by their looks.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from clientobs.paths.storage import Mount, StorageKind

__all__ = ["Drives", "mounts_of", "read"]

_REMOVABLE, _FIXED, _REMOTE, _CDROM, _RAMDISK = 2, 3, 4, 5, 6
_NAMES: Final[dict[int, tuple[str, StorageKind]]] = {
    _REMOVABLE: ("removable", "local"),
    _FIXED: ("fixed", "local"),
    _REMOTE: ("remote", "smb"),
    _CDROM: ("cdrom", "local"),
    _RAMDISK: ("ramdisk", "tmpfs"),
}
_LETTERS: Final = 26
_MAX_NAME: Final = 1024


class Drives(Protocol):
    """What is asked of the system."""

    def letters(self) -> int:
        """Return a bit a drive, A: the lowest (GetLogicalDrives)."""

    def type_of(self, root: str) -> int:
        r"""Return GetDriveTypeW of a root (P:\)."""

    def connection(self, drive: str) -> str:
        r"""Return the share behind "P:" (\\nas\proj), or ""."""


def read() -> tuple[Mount, ...]:
    """Return one mount a drive letter."""
    return mounts_of(_SystemDrives())


def mounts_of(drives: Drives) -> tuple[Mount, ...]:
    """Return one mount a drive letter of `drives`."""
    letters = drives.letters()
    return tuple(_mount(f"{chr(65 + bit)}:", drives) for bit in range(_LETTERS) if letters >> bit & 1)


def _mount(drive: str, drives: Drives) -> Mount:
    fstype, kind = _NAMES.get(drives.type_of(f"{drive}\\"), ("unknown", "unknown"))
    device = drives.connection(drive) if fstype == "remote" else ""
    return Mount(f"{drive}\\", device or drive, fstype, kind, network=fstype == "remote")


class _SystemDrives:
    """The system's own answers."""

    def __init__(self) -> None:
        import ctypes  # noqa: PLC0415  # 4 ms, on Windows alone

        self._ctypes: Any = ctypes
        self._kernel: Any = self._ctypes.WinDLL("kernel32")
        self._network: Any = self._ctypes.WinDLL("mpr")

    def letters(self) -> int:
        return int(self._kernel.GetLogicalDrives())

    def type_of(self, root: str) -> int:
        return int(self._kernel.GetDriveTypeW(self._ctypes.c_wchar_p(root)))

    def connection(self, drive: str) -> str:
        name = self._ctypes.create_unicode_buffer(_MAX_NAME)
        length = self._ctypes.c_ulong(_MAX_NAME)
        arguments = (self._ctypes.c_wchar_p(drive), name, self._ctypes.byref(length))
        return "" if self._network.WNetGetConnectionW(*arguments) else str(name.value)
