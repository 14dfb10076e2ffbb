"""Places for the journal: the order, and the reasons of those refused."""

from __future__ import annotations

import pytest

from clientobs.errors import UnsafeHomeError
from clientobs.paths.folders import Refusal, choose_home, home_candidates

SHM = "/dev/shm/clientobs-7"


@pytest.mark.parametrize(
    ("environ", "platform", "places"),
    [
        (
            {"HOME": "/home/kim", "TMPDIR": "/scratch"},
            "linux",
            ["/home/kim/.local/state/clientobs", "/var/tmp/clientobs-7", "/scratch/clientobs-7", SHM],
        ),
        (
            {"HOME": "/home/kim", "XDG_STATE_HOME": "/state"},
            "linux",
            ["/state/clientobs", "/var/tmp/clientobs-7", "/tmp/clientobs-7", SHM],
        ),
        (
            {"HOME": "/home/kim", "XDG_STATE_HOME": "relative", "TMPDIR": "relative"},
            "linux",
            ["/home/kim/.local/state/clientobs", "/var/tmp/clientobs-7", "/tmp/clientobs-7", SHM],
        ),
        ({}, "linux", ["/var/tmp/clientobs-7", "/tmp/clientobs-7", SHM]),
        ({"TMPDIR": "/var/tmp"}, "linux", ["/var/tmp/clientobs-7", SHM]),
        (
            {"HOME": "/Users/kim", "TMPDIR": "/var/folders/x"},
            "darwin",
            [
                "/Users/kim/Library/Application Support/clientobs",
                "/var/tmp/clientobs-7",
                "/var/folders/x/clientobs-7",
            ],
        ),
        (
            {"LOCALAPPDATA": "C:\\L", "TEMP": "C:\\T", "APPDATA": "C:\\Roaming"},
            "win32",
            ["C:\\L\\clientobs", "C:\\T\\clientobs-7"],
        ),
        ({"USERPROFILE": "C:\\U"}, "win32", ["C:\\U\\AppData\\Local\\clientobs"]),
    ],
)
def test_the_places_of_each_system_in_order(
    environ: dict[str, str], platform: str, places: list[str]
) -> None:
    assert home_candidates(environ, platform, 7) == places


def test_what_is_configured_comes_first_and_once() -> None:
    assert home_candidates({}, "linux", 7, "/x")[0] == "/x"
    assert home_candidates({}, "linux", 7, "/tmp/clientobs-7") == [
        "/tmp/clientobs-7",
        "/var/tmp/clientobs-7",
        SHM,
    ]


def test_a_network_place_is_refused_untouched_and_each_reason_is_kept() -> None:
    prepared: list[str] = []

    def prepare(path: str) -> str:
        prepared.append(path)
        if path == "/foreign":
            raise UnsafeHomeError("owned by somebody else")
        if path == "/readonly":
            raise OSError(30, "Read-only file system")
        return path.upper()

    chosen = choose_home(["/nfs", "/foreign", "/readonly", "/ok", "/later"], "/nfs".__eq__, prepare)
    assert chosen.home == "/OK"
    assert prepared == ["/foreign", "/readonly", "/ok"]
    assert chosen.refused == (
        Refusal("/nfs", "on network storage"),
        Refusal("/foreign", "owned by somebody else"),
        Refusal("/readonly", "Read-only file system"),
    )


def test_with_no_usable_place_there_is_no_home() -> None:
    chosen = choose_home(["/nfs"], lambda _path: True, str)
    assert chosen.home is None
    assert len(chosen.refused) == 1
