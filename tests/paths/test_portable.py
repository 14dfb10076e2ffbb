"""Portable paths: by component, longest root first, on Windows in any case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientobs.config.model import RootConfig
from clientobs.paths.portable import Roots

ROOTS = (
    RootConfig(name="proj", linux="/mnt/p", windows="P:", macos="/Volumes/p"),
    RootConfig(name="cache", linux="/mnt/p/cache/", windows="\\\\NAS\\cache", macos="/Volumes/p/cache"),
    RootConfig(name="elsewhere", linux="/mnt/proj"),
    RootConfig(name="unknown"),
)


@pytest.mark.parametrize(
    ("path", "platform", "expected"),
    [
        ("/mnt/p/sq010/a.exr", "linux", "{proj}/sq010/a.exr"),
        ("/mnt/proj/a.exr", "linux", "{elsewhere}/a.exr"),
        ("/mnt/project/a.exr", "linux", None),
        ("/mnt/p", "linux", "{proj}"),
        ("/mnt/p/cache/x.abc", "linux", "{cache}/x.abc"),
        ("/mnt/p/cached/x.abc", "linux", "{proj}/cached/x.abc"),
        ("/mnt/p/../q/x", "linux", None),
        ("//mnt//p/./x", "linux", "{proj}/x"),
        ("/MNT/P/x", "linux", None),
        ("mnt/p/x", "linux", None),
        ("/Volumes/p/x", "darwin", "{proj}/x"),
        ("p:/Sq010\\A.exr", "win32", "{proj}/Sq010/A.exr"),
        ("P:relative", "win32", None),
        ("//nas/CACHE/x", "win32", "{cache}/x"),
        ("\\\\?\\UNC\\nas\\cache\\x", "win32", "{cache}/x"),
        ("\\\\?\\P:\\x", "win32", "{proj}/x"),
        ("\\\\nas\\cache2\\x", "win32", None),
    ],
)
def test_known_paths(path: str, platform: str, expected: str | None) -> None:
    assert Roots(ROOTS, platform).portable(path) == expected


def test_without_roots_nothing_is_portable() -> None:
    assert Roots((), "linux").portable("/mnt/p/x") is None


names = st.text(st.characters(exclude_characters="/\\:\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda name: name not in {".", ".."}
)
folders = st.lists(names, min_size=1, max_size=4)


@given(folders, folders)
def test_what_lies_below_a_root_is_named_by_it_and_leads_back(root: list[str], below: list[str]) -> None:
    place = "/" + "/".join(root)
    found = Roots([RootConfig(name="r", linux=place)], "linux").portable(f"{place}/{'/'.join(below)}")
    assert found == "{r}/" + "/".join(below)


@given(folders, names)
def test_a_longer_name_beside_a_root_is_never_taken_for_it(root: list[str], more: str) -> None:
    place = "/" + "/".join(root)
    assert Roots([RootConfig(name="r", linux=place)], "linux").portable(f"{place}{more}/x") is None


@given(folders, folders, names)
def test_the_longest_root_wins_whatever_the_order(outer: list[str], inner: list[str], leaf: str) -> None:
    long = RootConfig(name="inner", linux="/" + "/".join(outer + inner))
    short = RootConfig(name="outer", linux="/" + "/".join(outer))
    for roots in ((long, short), (short, long)):
        assert Roots(roots, "linux").portable(f"{long.linux}/{leaf}") == f"{{inner}}/{leaf}"


ascii_names = st.text("abcXYZ_- .", min_size=1, max_size=8).filter(lambda name: name not in {".", ".."})


@given(st.lists(ascii_names, min_size=1, max_size=4), st.booleans(), st.sampled_from(["/", "\\"]))
def test_windows_knows_neither_case_nor_one_separator(parts: list[str], upper: bool, separator: str) -> None:
    root = RootConfig(name="r", windows="\\\\Nas\\Proj\\" + "\\".join(parts))
    path = separator.join(["", "", "nas", "proj", *parts, "leaf"])
    found = Roots([root], "win32").portable(path.upper() if upper else path.lower())
    assert found is not None
    assert found.lower() == "{r}/leaf"
