"""Paths as programs write them: behaviour unchanged, recorded faithfully, as private as the policy says."""

from __future__ import annotations

import os
import sys
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import clientobs
from clientobs.config.model import RootConfig
from clientobs.instruments.files.pathtext import PathText, text_of
from clientobs.instruments.files.places import Places
from clientobs.paths.mounts import MountTable
from clientobs.paths.portable import Roots
from clientobs.paths.storage import storage

if TYPE_CHECKING:
    from collections.abc import Callable

    from instruments.files.conftest import Studio

KOREAN = "레이아웃_v001.ma"


class Pathish:
    def __init__(self, path: Any) -> None:
        self.path = path

    def __fspath__(self) -> Any:
        return self.path


class OddText(str):
    __slots__ = ()

    def rpartition(self, *_: Any) -> Any:
        raise AssertionError("nobody asked for this")


FORMS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "bytes": os.fsencode,
    "PathLike": Pathish,
    "PathLike of bytes": lambda path: Pathish(os.fsencode(path)),
    "a subclass of str": OddText,
    "relative": os.path.relpath,
    "doubled slashes": lambda path: path.replace("/", "//"),
}
NAMES = {
    "plain": "plate.exr",
    "Korean, composed": unicodedata.normalize("NFC", KOREAN),
    "Korean, decomposed": unicodedata.normalize("NFD", KOREAN),
    "undecodable": os.fsdecode(b"\xb7\xb9\xc0\xcc.ma"),
    "blank": " a b ",
    "a line break": "a\nb",
}


@pytest.mark.skipif(sys.platform != "linux", reason="names that other systems refuse")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_a_path_in_any_form_works_and_is_recorded_as_it_was_written(
    studio: Studio, name: str, form: str
) -> None:
    given_as = FORMS[form](str(studio.disk / NAMES[name]))
    with clientobs.span("one"):
        try:
            open(given_as, "rb")  # noqa: SIM115
        except FileNotFoundError as error:
            said = error.filename
        with open(given_as, "wb") as file:
            file.write(b"x")
        os.stat(given_as)
        os.remove(given_as)
    # What can't be decoded is escaped, so that the very bytes can be told from it.
    written = text_of(given_as).encode("utf-8", "backslashreplace").decode()
    assert studio.summary("one")["file.io.missing"] == [written]
    clientobs.shutdown()
    with pytest.raises(FileNotFoundError) as bare:
        open(given_as, "rb")  # noqa: SIM115
    assert said == bare.value.filename


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "", b"\0", -1, 10**9, 1.5, None, object(), ["a"]])
def test_a_path_that_is_none_fails_as_it_does_without_us(studio: Studio, path: Any) -> None:
    ours = outcomes(path)
    clientobs.shutdown()
    assert ours == outcomes(path)


def outcomes(path: Any) -> list[Any]:
    calls: list[Callable[[Any], Any]] = [open, os.stat, os.listdir, os.remove, os.mkdir]
    return [outcome(call, path) for call in calls]


def outcome(call: Callable[[Any], Any], path: Any) -> Any:
    try:
        result = call(path)
    except Exception as error:  # noqa: BLE001  # compared with what comes without us
        return type(error), str(error).partition(" at 0x")[0]
    return type(result)


def test_a_descriptor_is_no_path(studio: Studio) -> None:
    with clientobs.span("pipe"):
        receiving, sending = os.pipe()
        with open(sending, "wb") as out:
            out.write(b"x")
        with open(receiving, "rb") as into:
            assert into.read() == b"x"
    assert "file.io.slowest.path" not in studio.summary("pipe")


def test_the_bytes_of_an_undecodable_path_are_kept() -> None:
    text = PathText("keep", Roots([]), None)
    raw = b"/mnt/\xb7\xb9.ma"
    for path in (raw, os.fsdecode(raw)):
        assert text.attributes(path)["file.path.bytes"] == raw.hex()
    assert "file.path.bytes" not in text.attributes("/mnt/레이아웃.ma")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("keep", {"file.path": "/mnt/proj/hero.ma", "file.path.portable": "{proj}/hero.ma"}),
        ("portable", {"file.path.portable": "{proj}/hero.ma"}),
        ("hash", {"file.path": "/mnt/proj/h-hero.ma", "file.path.portable": "{proj}/h-hero.ma"}),
        ("drop", {}),
    ],
)
def test_the_policy_says_how_much_of_a_path_is_recorded(policy: Any, expected: dict[str, str]) -> None:
    roots = Roots([RootConfig(name="proj", linux="/mnt/proj")], "linux")
    text = PathText(policy, roots, lambda name: f"u-h-{name}")
    assert text.attributes("/mnt/proj/hero.ma") == {**expected, "file.extension": "ma"}
    assert ("hero" in text.short("/elsewhere/secret_hero.ma")) == (policy in ("keep", "hash"))
    assert policy == "keep" or text.short("/elsewhere/hero.ma") != "/elsewhere/hero.ma"


@given(st.text(max_size=60), st.text(max_size=20))
def test_no_text_upsets_what_judges_paths(path: str, folder: str) -> None:
    places = Places(MountTable(lambda: (storage("/", "/dev/sda", "ext4"),), "linux"), platform="linux")
    text = PathText("hash", Roots([]), lambda name: f"u-{len(name)}")
    places.of(path)
    places.of_folder(folder)
    text.attributes(path)
    text.short(path)


def places_of(*mounts: tuple[str, str, str], platform: str = "linux", **settings: Any) -> Places:
    table = MountTable(lambda: tuple(storage(*mount) for mount in mounts), platform, readlink=no_link)
    return Places(table, platform=platform, **settings)


def no_link(path: str) -> str:
    raise OSError(22, "no link", path)


def test_the_mount_point_itself_is_on_its_mount_and_its_neighbour_is_not() -> None:
    places = places_of(("/", "/dev/sda", "ext4"), ("/mnt/proj", "nas:/proj", "nfs4"))
    assert places.of("/mnt/proj").kind == "nfs"
    assert places.of("/mnt/proj/sq/a.exr").point == "/mnt/proj"
    assert places.of("/mnt/project").kind == "local"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (r"P:\sq010\a.exr", "smb"),
        ("P:/sq010/a.exr", "smb"),
        (r"\\nas\proj\a.exr", "smb"),
        (r"\\?\UNC\nas\proj\a.exr", "smb"),
        (r"\\?\P:\sq010\a.exr", "smb"),
        ("P:a.exr", "smb"),
        (r"p:sq010\a.exr", "smb"),
        (r"C:a.exr", "local"),
        (r"C:\temp\a.exr", "local"),
        (r"\\?\C:\temp\a.exr", "local"),
    ],
)
def test_windows_paths_are_judged_by_windows_rules_anywhere(path: str, kind: str) -> None:
    places = places_of(("C:\\", "disk", "ntfs"), ("P:\\", "\\\\nas\\proj", "smb"), platform="win32")
    assert places.of(path).kind == kind


def test_what_the_interpreter_and_we_own_is_ignored_and_what_the_studio_lists() -> None:
    places = places_of(("/", "/dev/sda", "ext4"), home="/var/tmp/clientobs", ignore=["*/thumbs/*"])
    for path in (
        "/proc/self/maps",
        "/dev/null",
        "/var/tmp/clientobs/v1/x.seg",
        os.__file__,
        "/a/thumbs/b.jpg",
    ):
        assert places.of(path).ignored, path
    for path in ("/process/a", "/device/b", "/var/tmp/clientobs-2/x", "/a/thumb/b.jpg"):
        assert not places.of(path).ignored, path
