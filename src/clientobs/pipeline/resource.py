"""The resource: who, where, which versions. Built from cheap sources, without the SDK's detectors."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientobs.config.model import ServiceConfig

__all__ = ["resource_attributes"]

_OS_TYPE: Final = {"linux": "linux", "win32": "windows", "darwin": "darwin", "cygwin": "windows"}


def resource_attributes(
    service: ServiceConfig, *, instance: str, installation: str, sdk_version: str
) -> dict[str, Any]:
    """Return the resource attributes of this process, not yet redacted.

    `instance` is this run's id, `installation` the random id of this machine's journal home.
    """
    values: dict[str, Any] = dict(service.attributes)
    values[semconv.SERVICE_NAME] = service.name
    if service.version:
        values[semconv.SERVICE_VERSION] = service.version
    if service.environment:
        values[semconv.DEPLOYMENT_ENVIRONMENT_NAME] = service.environment
    values.update(_telemetry(sdk_version))
    values[semconv.SERVICE_INSTANCE_ID] = instance
    if installation:
        values[semconv.APP_INSTALLATION_ID] = installation
    values.update(_machine())
    values.update(_process())
    return {key: value for key, value in values.items() if value not in (None, "")}


def _telemetry(sdk_version: str) -> Mapping[str, Any]:
    return {
        semconv.TELEMETRY_SDK_NAME: "opentelemetry",
        semconv.TELEMETRY_SDK_LANGUAGE: "python",
        semconv.TELEMETRY_SDK_VERSION: sdk_version,
        semconv.TELEMETRY_DISTRO_NAME: "clientobs",
        semconv.TELEMETRY_DISTRO_VERSION: __version__,
    }


def _machine() -> Mapping[str, Any]:
    uname = os.uname() if hasattr(os, "uname") else None
    return {
        # os.uname asks the kernel; platform.node() would start `uname` in a child on some systems.
        semconv.HOST_NAME: uname.nodename if uname else os.environ.get("COMPUTERNAME", ""),
        semconv.HOST_ARCH: _architecture(
            uname.machine if uname else os.environ.get("PROCESSOR_ARCHITECTURE", "")
        ),
        semconv.OS_TYPE: _OS_TYPE.get(sys.platform, sys.platform),
        semconv.OS_VERSION: uname.release if uname else _windows_version(),
    }


def _architecture(machine: str) -> str:
    lower = machine.lower()
    return {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(lower, lower)


def _windows_version() -> str:
    asked = getattr(sys, "getwindowsversion", None)
    return "{}.{}.{}".format(*asked()[:3]) if asked else ""


def _process() -> Mapping[str, Any]:
    executable = sys.executable or ""
    return {
        semconv.PROCESS_PID: os.getpid(),
        semconv.PROCESS_EXECUTABLE_NAME: os.path.basename(executable),
        semconv.PROCESS_RUNTIME_NAME: sys.implementation.name,
        semconv.PROCESS_RUNTIME_VERSION: ".".join(map(str, sys.version_info[:3])),
    }
