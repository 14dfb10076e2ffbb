"""The machine and the seat that a session runs at: what support asks first, from sources that answer at once.

No program is started and no driver is asked: nvidia-smi takes seconds, and a driver that is in trouble hangs who
asks it. Files of the kernel, the registry and the environment have to do; what they don't say is left out.
"""

from __future__ import annotations

import _locale
import os
import re
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from clientobs import _unwatched, semconv
from clientobs._guarded import quiet
from clientobs._own_file import text_of
from clientobs._own_folder import list_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["display_of", "package_manager_of", "workplace"]

_MOST_READ: Final = 8_192
_MOST_DEVICES: Final = 8
_NVIDIA_VERSION: Final = re.compile(r"Kernel Module\b.*?\s(\d+\.\d+(?:\.\d+)?)\s")
_CARD: Final = re.compile(r"card\d+\Z")
# https://pci-ids.ucw.cz
_VENDORS: Final = {
    "0x10de": "NVIDIA",
    "0x1002": "AMD",
    "0x8086": "Intel",
    "0x1a03": "ASPEED",
    "0x1234": "QEMU",
}
# learn.microsoft.com: system-defined device setup classes, Display (not checked on a machine)
_DISPLAY_CLASS: Final = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
_PACKAGE_MANAGERS: Final = (
    ("rez", "REZ_USED_RESOLVE"),
    ("ayon", "AYON_BUNDLE_NAME"),
    ("conda", "CONDA_DEFAULT_ENV"),
    ("venv", "VIRTUAL_ENV"),
)


def workplace(environ: Mapping[str, str], root: str = "/") -> dict[str, Any]:
    """Return attributes of the machine and the seat. `root` is where /proc, /sys and /etc are."""
    found: dict[str, Any] = {
        semconv.MACHINE_CPU_COUNT: os.cpu_count(),
        semconv.SESSION_DISPLAY: display_of(environ, sys.platform),
        semconv.SESSION_ENCODING: sys.getfilesystemencoding(),
        semconv.SESSION_PACKAGE_MANAGER: package_manager_of(environ),
        semconv.PROCESS_RUNTIME_DESCRIPTION: " ".join(sys.version.split()),
        semconv.PROCESS_EXECUTABLE_PATH: sys.executable,
    }
    for name, ask in (("locale", _text_locale), ("timezone", _timezone)):
        with quiet(f"workplace.{name}"):
            found.update(ask())
    with quiet("workplace.system"):
        found.update(_system(root))
    with quiet("workplace.graphics"):
        found.update(_graphics(root))
    return {name: value for name, value in found.items() if value not in (None, "", [])}


def display_of(environ: Mapping[str, str], platform: str) -> str:
    """Return what a window would be shown by, from the environment alone.

    >>> display_of({"DISPLAY": ":0", "XDG_SESSION_TYPE": "x11"}, "linux"), display_of({}, "linux")
    ('x11', 'none')
    """
    if environ.get("QT_QPA_PLATFORM") == "offscreen":
        return "offscreen"
    if platform in {"win32", "darwin"}:
        return {"win32": "windows", "darwin": "macos"}[platform]
    if environ.get("WAYLAND_DISPLAY"):
        return "wayland"
    return "x11" if environ.get("DISPLAY") else "none"


def package_manager_of(environ: Mapping[str, str]) -> str:
    """Return what resolved this environment, as its variables say.

    >>> package_manager_of({"AYON_BUNDLE_NAME": "prod-12", "VIRTUAL_ENV": "/opt/v"})
    'ayon'
    """
    return next((name for name, variable in _PACKAGE_MANAGERS if environ.get(variable)), "")


def _text_locale() -> dict[str, Any]:
    return {semconv.SESSION_LOCALE: _locale.setlocale(_locale.LC_CTYPE)}  # asks, changes nothing


def _timezone() -> dict[str, Any]:
    return {semconv.SESSION_TIMEZONE: time.strftime("%z")}


def _system(root: str) -> dict[str, Any]:
    if sys.platform == "win32":
        return _windows()
    if sys.platform == "darwin":
        text = _read(root, "System/Library/CoreServices/SystemVersion.plist")
        match = re.search(r"<key>ProductVersion</key>\s*<string>([^<]+)", text)
        return {semconv.OS_NAME: "macOS", semconv.OS_DESCRIPTION: f"macOS {match[1]}" if match else "macOS"}
    release = dict(line.partition("=")[::2] for line in _read(root, "etc/os-release").splitlines())
    memory = re.search(r"^MemTotal:\s+(\d+) kB", _read(root, "proc/meminfo"), re.MULTILINE)
    return {
        semconv.OS_NAME: release.get("NAME", "").strip("\"'"),
        semconv.OS_DESCRIPTION: release.get("PRETTY_NAME", "").strip("\"'"),
        semconv.OS_LIBC: _libc(),
        semconv.MACHINE_MEMORY_TOTAL: int(memory[1]) * 1024 if memory else None,
    }


def _libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError, AttributeError):  # musl
        return ""


def _graphics(root: str) -> dict[str, Any]:
    if sys.platform == "win32":
        return _windows_graphics()
    devices, drivers = [], []
    nvidia = _NVIDIA_VERSION.search(_read(root, "proc/driver/nvidia/version"))
    if nvidia:
        drivers.append(f"nvidia {nvidia[1]}")
    for each in _names(root, "proc/driver/nvidia/gpus"):
        model = re.search(
            r"^Model:\s+(.+)$", _read(root, f"proc/driver/nvidia/gpus/{each}/information"), re.MULTILINE
        )
        devices += [model[1].strip()] if model else []
    for card in filter(_CARD.match, _names(root, "sys/class/drm")):
        device = f"sys/class/drm/{card}/device"
        driver = _link_name(root, f"{device}/driver")
        vendor = _read(root, f"{device}/vendor").strip()
        number = _read(root, f"{device}/device").strip()
        if vendor and not (driver == "nvidia" and devices):
            devices.append(f"{_VENDORS.get(vendor, vendor)} {number}".strip())
        if driver and driver != "nvidia":
            version = _read(root, f"sys/module/{driver}/version").strip()
            drivers.append(f"{driver} {version}".strip())
    return {
        semconv.MACHINE_GPU: devices[:_MOST_DEVICES],
        semconv.MACHINE_GPU_DRIVER: list(dict.fromkeys(drivers))[:_MOST_DEVICES],
    }


def _windows() -> dict[str, Any]:
    if sys.platform != "win32":
        return {}
    import winreg  # noqa: PLC0415

    key = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
        names = [_registry(opened, name) for name in ("ProductName", "DisplayVersion", "CurrentBuild")]
    return {semconv.OS_NAME: "Windows", semconv.OS_DESCRIPTION: " ".join(name for name in names if name)}


def _windows_graphics() -> dict[str, Any]:
    if sys.platform != "win32":
        return {}
    import winreg  # noqa: PLC0415

    devices, drivers = [], []
    for number in range(_MOST_DEVICES):
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, rf"{_DISPLAY_CLASS}\{number:04}") as opened:
                devices.append(_registry(opened, "DriverDesc"))
                drivers.append(f"{_registry(opened, 'ProviderName')} {_registry(opened, 'DriverVersion')}")
        except OSError:
            break
    return {semconv.MACHINE_GPU: devices, semconv.MACHINE_GPU_DRIVER: drivers}


def _registry(key: Any, name: str) -> str:
    import winreg  # noqa: PLC0415

    try:
        return str(winreg.QueryValueEx(key, name)[0])  # type: ignore[attr-defined,unused-ignore]  # Windows only
    except OSError:
        return ""


def _read(root: str, path: str) -> str:
    return text_of(os.path.join(root, path), _MOST_READ, slow=True)  # a driver may take its time


def _names(root: str, path: str) -> list[str]:
    try:
        entries = list_folder(os.path.join(root, path))
    except OSError:
        return []
    return sorted(entry.name for entry in entries)[: 8 * _MOST_DEVICES]


def _link_name(root: str, path: str) -> str:
    try:
        return os.path.basename(str(_unwatched.readlink(os.path.join(root, path))))
    except OSError:
        return ""
