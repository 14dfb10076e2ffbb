"""Containers whose disk dies with them, and who sits at the session."""

from __future__ import annotations

import pytest

from clientobs.config.model import DrainConfig
from clientobs.config.surroundings import exit_flush, find_container, session_kind


def container(environ: dict[str, str], *files: str, platform: str = "linux") -> str | None:
    return find_container(environ, platform, files.__contains__)


@pytest.mark.parametrize(
    ("environ", "files", "evidence"),
    [
        ({}, ("/.dockerenv",), "/.dockerenv"),
        ({}, ("/run/.containerenv",), "/run/.containerenv"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, (), "KUBERNETES_SERVICE_HOST"),
        ({"container": "podman"}, (), "container"),
        ({}, (), None),
        # a person's workplace that happens to be a container: home outlives it
        ({}, ("/run/.containerenv", "/run/.toolboxenv"), None),
        ({"FLATPAK_ID": "org.blender.Blender", "container": "flatpak"}, ("/.flatpak-info",), None),
        ({"DISTROBOX_ENTER_PATH": "/usr/bin/distrobox-enter"}, ("/run/.containerenv",), None),
        ({"container": "lxc"}, (), None),
    ],
)
def test_a_container_is_told_by_positive_evidence(
    environ: dict[str, str], files: tuple[str, ...], evidence: str | None
) -> None:
    assert container(environ, *files) == evidence


def test_only_folders_that_are_never_on_a_network_are_looked_at() -> None:
    looked: list[str] = []

    def exists(path: str) -> bool:
        looked.append(path)
        return False

    find_container({}, "linux", exists)
    assert {path.rpartition("/")[0] for path in looked} == {"", "/run"}


def test_exit_waits_in_a_container_unless_told_otherwise() -> None:
    assert exit_flush(DrainConfig(), None) == 0
    assert exit_flush(DrainConfig(), "/.dockerenv") == 5
    assert exit_flush(DrainConfig(exit_flush=0), "/.dockerenv") == 0


@pytest.mark.parametrize(
    ("environ", "terminal", "batch", "kind", "reason"),
    [
        ({"CUE_FRAME_ID": "x"}, True, False, "farm", "CUE_FRAME_ID (opencue)"),
        ({"OPENJD_SESSION_WORKING_DIR": "/x"}, False, None, "farm", "OPENJD_SESSION_WORKING_DIR (openjd)"),
        ({"TR_ENV_JID": "1"}, False, None, "farm", "TR_ENV_JID (tractor)"),
        ({"DISPLAY": ":0"}, True, True, "batch", "host"),
        ({}, False, False, "interactive", "host"),
        ({"CI": "true"}, True, None, "batch", "CI"),
        ({}, True, None, "interactive", "terminal"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, False, None, "interactive", "WAYLAND_DISPLAY"),
        ({}, False, None, "batch", "no terminal, no display"),
    ],
)
def test_the_session_kind_and_its_reason(
    environ: dict[str, str], terminal: bool, batch: bool | None, kind: str, reason: str
) -> None:
    found = session_kind(environ, has_terminal=terminal, platform="linux", host_is_batch=batch)
    assert found == (kind, reason)


@pytest.mark.parametrize(
    ("platform", "environ", "kind"),
    [
        ("win32", {"SESSIONNAME": "Console"}, "interactive"),
        ("win32", {"SESSIONNAME": "Services"}, "batch"),
        ("win32", {}, "batch"),
        ("darwin", {"__CFBundleIdentifier": "com.autodesk.maya"}, "interactive"),
        ("darwin", {}, "batch"),
    ],
)
def test_without_a_terminal_the_logon_tells(platform: str, environ: dict[str, str], kind: str) -> None:
    assert session_kind(environ, has_terminal=False, platform=platform)[0] == kind
