"""The resource: who, where, which versions. Built from cheap sources, without the SDK's detectors."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from clientobs import _machine, semconv
from clientobs._version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientobs.config.model import ServiceConfig

__all__ = ["resource_attributes"]


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
    values.update(_machine.attributes())
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


def _process() -> Mapping[str, Any]:
    executable = sys.executable or ""
    return {
        semconv.PROCESS_PID: os.getpid(),
        semconv.PROCESS_EXECUTABLE_NAME: os.path.basename(executable),
        semconv.PROCESS_RUNTIME_NAME: sys.implementation.name,
        semconv.PROCESS_RUNTIME_VERSION: ".".join(map(str, sys.version_info[:3])),
    }
