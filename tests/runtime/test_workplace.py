"""The machine and the seat, from files that answer at once."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from clientobs.runtime.workplace import display_of, package_manager_of, workplace

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the files are those of Linux")

# As the driver writes them: github.com/NVIDIA/open-gpu-kernel-modules, nv-procfs.c
NVIDIA = """\
NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.144.03  Mon Dec 30 17:44:08 UTC 2024
GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)
"""
NVIDIA_OPEN = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build  (dvs-builder)\n"
)
INFORMATION = "Model: \t\t NVIDIA RTX A5000\nIRQ:   \t\t 172\nGPU UUID: \t GPU-4a...\n"


def put(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


@pytest.mark.parametrize(("text", "version"), [(NVIDIA, "550.144.03"), (NVIDIA_OPEN, "570.86.15")])
def test_an_nvidia_driver_is_told_from_its_own_file(tmp_path: Path, text: str, version: str) -> None:
    put(tmp_path, "proc/driver/nvidia/version", text)
    put(tmp_path, "proc/driver/nvidia/gpus/0000:01:00.0/information", INFORMATION)
    found = workplace({}, str(tmp_path))
    assert found["machine.gpu"] == ["NVIDIA RTX A5000"]
    assert found["machine.gpu.driver"] == [f"nvidia {version}"]


def test_other_devices_are_told_by_the_kernel(tmp_path: Path) -> None:
    put(tmp_path, "sys/class/drm/card0/device/vendor", "0x1002\n")
    put(tmp_path, "sys/class/drm/card0/device/device", "0x744c\n")
    put(tmp_path, "sys/module/amdgpu/version", "6.8.5\n")
    put(tmp_path, "sys/class/drm/card0-DP-1/status", "connected\n")
    (tmp_path / "sys/class/drm/card0/device/driver").symlink_to("../../../../bus/pci/drivers/amdgpu")
    found = workplace({}, str(tmp_path))
    assert found["machine.gpu"] == ["AMD 0x744c"]
    assert found["machine.gpu.driver"] == ["amdgpu 6.8.5"]


def test_the_system_is_told(tmp_path: Path) -> None:
    put(tmp_path, "etc/os-release", 'NAME="Rocky Linux"\nPRETTY_NAME="Rocky Linux 9.4 (Blue Onyx)"\n')
    put(tmp_path, "proc/meminfo", "MemTotal:       65536 kB\nMemFree: 1 kB\n")
    found = workplace({"AYON_BUNDLE_NAME": "prod-12"}, str(tmp_path))
    assert found["os.name"] == "Rocky Linux"
    assert found["os.description"] == "Rocky Linux 9.4 (Blue Onyx)"
    assert found["machine.memory.total"] == 65536 * 1024
    assert found["session.package_manager"] == "ayon"
    assert found["machine.cpu.count"] >= 1
    assert found["process.runtime.description"].startswith(f"{sys.version_info[0]}.{sys.version_info[1]}")


def test_what_is_not_told_is_left_out(tmp_path: Path) -> None:
    put(tmp_path, "etc/os-release", "\x00\xff=junk\n===\n")
    found = workplace({}, str(tmp_path))
    assert not {"machine.gpu", "machine.gpu.driver", "machine.memory.total", "os.name"} & found.keys()
    assert None not in found.values()


def test_no_program_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert workplace({})["session.encoding"]


@pytest.mark.parametrize(
    ("environ", "platform", "display"),
    [
        ({"DISPLAY": ":1"}, "linux", "x11"),
        ({"DISPLAY": ":1", "WAYLAND_DISPLAY": "wayland-0"}, "linux", "wayland"),
        ({"DISPLAY": ":1", "QT_QPA_PLATFORM": "offscreen"}, "linux", "offscreen"),
        ({}, "linux", "none"),
        ({}, "win32", "windows"),
        ({}, "darwin", "macos"),
    ],
)
def test_the_display_is_told_by_the_environment(environ: dict[str, str], platform: str, display: str) -> None:
    assert display_of(environ, platform) == display


@pytest.mark.parametrize(
    ("environ", "manager"),
    [
        ({"REZ_USED_RESOLVE": "maya-2025", "VIRTUAL_ENV": "/v"}, "rez"),
        ({"CONDA_DEFAULT_ENV": "base"}, "conda"),
        ({"VIRTUAL_ENV": "/v"}, "venv"),
        ({"REZ_USED_RESOLVE": ""}, ""),
    ],
)
def test_what_resolved_the_environment_is_told(environ: dict[str, str], manager: str) -> None:
    assert package_manager_of(environ) == manager
