"""What the machine says where no setting does: is its disk mortal, and is a person sitting there."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from clientobs import semconv
from clientobs.farms.variables import read_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clientobs.config.model import DrainConfig, SessionKind

__all__ = ["exit_flush", "find_container", "session_kind"]

_CONTAINER_FLUSH: Final = 5.0
_MARKERS: Final = ("/.dockerenv", "/run/.containerenv")
_LASTING: Final = ("/run/.toolboxenv", "/run/.distroboxenv", "/.flatpak-info")
"""Where a person works in a container, home is the machine's own and outlives it (Blender as a Flatpak)."""
_LASTING_VARIABLES: Final = ("TOOLBOX_PATH", "DISTROBOX_ENTER_PATH", "FLATPAK_ID", "SNAP")
_ORCHESTRATED: Final = (
    "KUBERNETES_SERVICE_HOST",
    "ECS_CONTAINER_METADATA_URI_V4",
    "ECS_CONTAINER_METADATA_URI",
)
_MORTAL_MANAGERS: Final = frozenset({"docker", "podman", "oci", "containerd", "cri-o"})

_SERVERS: Final = ("CI", "GITHUB_ACTIONS", "JENKINS_URL", "GITLAB_CI", "BUILDKITE", "TEAMCITY_VERSION")
_DISPLAYS: Final = ("WAYLAND_DISPLAY", "DISPLAY")


def find_container(
    environ: Mapping[str, str],
    platform: str = sys.platform,
    exists: Callable[[str], bool] = os.path.exists,
) -> str | None:
    """Return the evidence that this process runs in a container that dies with its work, or None.

    Only names in / and /run are looked at, which are never on a network.
    """
    if any(environ.get(name) for name in _LASTING_VARIABLES):
        return None
    for name in _ORCHESTRATED:
        if environ.get(name):
            return name
    if platform == "win32":
        return "CONTAINER_SANDBOX_MOUNT_POINT" if environ.get("CONTAINER_SANDBOX_MOUNT_POINT") else None
    if platform != "linux" or any(exists(path) for path in _LASTING):
        return None
    if environ.get("container", "").lower() in _MORTAL_MANAGERS:
        return "container"
    return next((path for path in _MARKERS if exists(path)), None)


def exit_flush(drain: DrainConfig, container: str | None) -> float:
    """Return the seconds that exit may wait for delivery: as configured, else 5 in a container, else 0."""
    if drain.exit_flush is not None:
        return drain.exit_flush
    return _CONTAINER_FLUSH if container else 0.0


def session_kind(
    environ: Mapping[str, str],
    *,
    has_terminal: bool,
    platform: str = sys.platform,
    host_is_batch: bool | None = None,
) -> tuple[SessionKind, str]:
    """Return the kind of session and the reason.

    `host_is_batch` is what a host says of itself (maya -batch, nuke -t, blender -b), None where there is no
    host or it isn't asked yet. A farm's task stays one, whatever the host says.
    """
    farm = read_facts(environ)
    if farm is not None:
        return "farm", f"{farm.marker} ({farm.job[semconv.FARM_NAME]})"
    if host_is_batch is not None:
        return ("batch", "host") if host_is_batch else ("interactive", "host")
    for name in _SERVERS:
        if environ.get(name):
            return "batch", name
    if has_terminal:
        return "interactive", "terminal"
    return _without_terminal(environ, platform)


def _without_terminal(environ: Mapping[str, str], platform: str) -> tuple[SessionKind, str]:
    """Tell a tool started from a desktop icon (no terminal either) from a service or a cron job."""
    if platform == "win32":
        # set for a logon at the console or by remote desktop, missing in the session of services
        name = environ.get("SESSIONNAME", "")
        return (
            ("interactive", "SESSIONNAME") if name and name.lower() != "services" else ("batch", "no logon")
        )
    if platform == "darwin":
        # set by launchd for what was started from the Finder or the Dock
        bundle = environ.get("__CFBundleIdentifier")
        return ("interactive", "__CFBundleIdentifier") if bundle else ("batch", "no terminal")
    display = next((name for name in _DISPLAYS if environ.get(name)), None)
    return ("interactive", display) if display else ("batch", "no terminal, no display")
