"""Components of paths on three systems, all told on this one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientobs.paths.components import components, joined

PLATFORMS = ["linux", "darwin", "win32"]


@pytest.mark.parametrize(
    ("path", "platform", "parts"),
    [
        ("/", "linux", ("/",)),
        ("//mnt//p/", "linux", ("/", "mnt", "p")),
        ("/mnt/./p/../q", "linux", ("/", "mnt", "q")),
        ("/../..", "linux", ("/",)),
        ("/a\\b/c", "linux", ("/", "a\\b", "c")),
        ("mnt/p", "linux", None),
        ("", "linux", None),
        ("C:\\a/b", "win32", ("C:", "a", "b")),
        ("c:/", "win32", ("C:",)),
        ("P:", "win32", ("P:",)),
        ("C:a", "win32", None),
        ("\\a", "win32", None),
        ("/mnt/p", "win32", None),
        ("\\\\nas\\proj", "win32", ("\\\\nas\\proj",)),
        ("//nas/proj/a/", "win32", ("\\\\nas\\proj", "a")),
        ("\\\\nas", "win32", None),
        ("\\\\?\\C:\\a\\..\\b", "win32", ("C:", "b")),
        ("\\\\?\\UNC\\nas\\proj\\a", "win32", ("\\\\nas\\proj", "a")),
        ("\\\\?\\unc\\nas\\proj\\..\\a", "win32", ("\\\\nas\\proj", "a")),
        ("\\\\.\\pipe\\x", "win32", None),
        ("\\??\\C:\\a", "win32", ("C:", "a")),
    ],
)
def test_known_paths(path: str, platform: str, parts: tuple[str, ...] | None) -> None:
    assert components(path, platform) == parts


@given(st.text(), st.sampled_from(PLATFORMS))
def test_any_text_is_read_and_tidied_for_good(path: str, platform: str) -> None:
    parts = components(path, platform)
    if parts is not None:
        assert not {"", ".", ".."} & set(parts[1:])
        assert components(joined(parts, platform), platform) == parts
