"""The one active Runtime, and the public functions that start, stop and flush it."""

from __future__ import annotations

import threading
from typing import Any, Final

from clientobs._guarded import faults
from clientobs._search_path import each_folder_once
from clientobs.errors import ConfigError
from clientobs.record.tools import calling_package
from clientobs.runtime.runtime import Runtime

__all__ = ["active", "flush", "init", "shutdown"]

_PATIENCE: Final = 0.25
_LONGEST: Final = 86_400
"""Seconds that a caller may wish to wait; what exceeds threading.TIMEOUT_MAX is an error of its own."""
_lock = threading.RLock()
_active: Runtime | None = globals().get("_active")  # kept where somebody reloads this module


def active() -> Runtime | None:
    """Return the running Runtime, or None."""
    return _active


def init(
    service: str | None = None,
    *,
    version: str | None = None,
    environment: str | None = None,
    config: object = None,
    **options: Any,
) -> Runtime:
    """Start recording in this process, and return the Runtime.

    `service` names the tool ("scene-publisher"), `version` its release, `environment` the deployment
    ("production"), `config` a TOML file (also CLIENTOBS_CONFIG). `options` are the other settings of
    docs/reference/configuration.md. Arguments win over variables, variables over the file.

    Idempotent: the first call wins, a later one returns the same Runtime, registers its caller as a tool of
    its own (tool.name, tool.version on its spans) and leaves the settings alone, which an event says.

    Raises ConfigError for a wrong argument, at once. A broken file or variable never stops a host: the valid
    part holds, an event and `clientobs doctor` name the rest. Whatever else fails, the host goes on without
    telemetry and `doctor` says why.

    >>> import clientobs
    >>> runtime = clientobs.init("scene-publisher", version="1.4.0", drain="off")
    >>> clientobs.shutdown()
    """
    arguments = {
        "service": service,
        "version": version,
        "environment": environment,
        "config": config,
        **options,
    }
    package = calling_package(1)
    global _active  # noqa: PLW0603  # the one slot
    with _lock:
        if _active is not None and _active.running:
            _check(arguments)
            _active.join(package, service, version, environment)
            return _active
        if _active is not None:
            _active.silence()
        _active = _start(arguments, package)
        return _active


def _start(arguments: dict[str, Any], package: str) -> Runtime:
    try:
        with each_folder_once():
            from clientobs.runtime.start import start  # noqa: PLC0415  # the parts load when something is started

            return start(arguments, package)
    except ConfigError:
        raise
    except Exception as error:  # noqa: BLE001  # the wall: a host starts whatever is wrong with us
        faults.record("init", error)
        return Runtime.idle(f"clientobs could not start: {type(error).__name__}: {error}")


def _check(arguments: dict[str, Any]) -> None:
    from clientobs.config import arguments as config_arguments  # noqa: PLC0415

    config_arguments.read(arguments, user_home=None, platform="linux")


def shutdown(timeout: float | None = None) -> None:
    """End the session and stop recording: patches are undone, providers released, the journal is closed.

    Waits for delivery at most `timeout` seconds; None: exit_flush of the configuration (0 on a workstation).
    Raises ConfigError for a timeout that is no finite number of seconds.
    """
    if timeout is not None:
        _check_timeout("shutdown", timeout)
    global _active
    with _lock:
        runtime, _active = _active, None
        if runtime is not None:
            runtime.stop("shutdown()", timeout, patience=_PATIENCE)
            runtime.silence()


def flush(timeout: float = 5.0) -> bool:
    """Ask the drain to deliver what is recorded up to now; wait at most `timeout` seconds.

    Returns whether all of it was acknowledged by the endpoint. False at once where nothing delivers.
    Raises ConfigError for a timeout that is no finite number of seconds: the wait would have no end.
    """
    _check_timeout("flush", timeout)
    runtime = _active
    return runtime is not None and runtime.flush(timeout)


def _check_timeout(call: str, timeout: object) -> None:
    is_number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if not is_number or not 0 <= timeout <= _LONGEST:  # type: ignore[operator]  # a NaN is neither
        given = repr(timeout) if is_number else f"<{type(timeout).__name__}>"
        raise ConfigError(
            f"{call}(timeout={given[:40]}) is no time to wait; use a number of seconds from 0 to {_LONGEST}"
        )
