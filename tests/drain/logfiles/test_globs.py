"""Which files a glob means: as `glob` says, but with an end."""

from __future__ import annotations

import glob
import os
import socket
from typing import TYPE_CHECKING

import pytest

from clientobs.drain.logfiles.globs import Search
from clientobs.drain.logfiles.source import MAX_FILES, find

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    for name in (
        "a.log",
        "b.txt",
        ".hidden.log",
        "one/c.log",
        "one/two/d.log",
        "one/two/.x/e.log",
        "[odd]/f.log",
    ):
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return top


@pytest.mark.parametrize(
    "pattern",
    [
        "*.log", "*", ".*.log", "?.log", "[ab].*", "**/*.log", "one/**/*.log", "one/**", "*/*.log", "**/two/d.log",
        "a.log", "nothing.log", "nowhere/*.log", "a.log/*", "*/two/../c.log", "[[]odd]/*.log", "**/[!a-c].log",
    ],
)  # fmt: skip
def test_it_finds_what_glob_finds(tree: Path, pattern: str) -> None:
    whole = os.path.join(glob.escape(str(tree)), pattern)
    expected = {os.path.realpath(path) for path in glob.glob(whole, recursive=True) if os.path.isfile(path)}
    found = [path for path in Search().paths(whole) if os.path.isfile(path)]
    assert {os.path.realpath(path) for path in found} == expected


@pytest.mark.skipif(os.name != "posix", reason="symlinks need a privilege on Windows")
def test_links_that_lead_back_up_are_no_endless_way(tree: Path) -> None:
    (tree / "one" / "back").symlink_to(tree)
    (tree / "one" / "two" / "back").symlink_to(tree)
    (tree / "self").symlink_to(tree / "self")
    search = Search()
    found = sorted(os.path.basename(path) for path in search.paths(f"{tree}/**/*.log"))
    assert found == ["a.log", "c.log", "d.log", "f.log"]
    assert not search.is_cut


@pytest.mark.skipif(os.name != "posix", reason="symlinks need a privilege on Windows")
def test_a_link_that_the_pattern_names_is_followed(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(tree / "one")
    assert [os.path.basename(path) for path in Search().paths(f"{tmp_path}/lat*/*.log")] == ["c.log"]
    assert [os.path.basename(path) for path in Search().paths(f"{tmp_path}/latest/*.log")] == ["c.log"]


def test_a_tree_without_end_is_given_up(tree: Path) -> None:
    search = Search(most=5)
    assert len(list(search.paths(f"{tree}/**/*.log"))) < 5
    assert search.is_cut


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
def test_what_is_no_file_is_not_followed(tree: Path) -> None:
    (tree / "folder.log").mkdir()
    (tree / "loop.log").symlink_to(tree / "loop.log")
    (tree / "gone.log").symlink_to(tree / "nowhere")
    (tree / "zero.log").symlink_to("/dev/zero")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tree / "pipe.log")
    with socket.socket(socket.AF_UNIX) as bound:
        before = os.getcwd()
        os.chdir(tree)  # the path of a socket may be 107 bytes long
        try:
            bound.bind("socket.log")
        finally:
            os.chdir(before)
        assert find([f"{tree}/*.log"]) == ([f"{tree}/a.log"], 0)


def test_of_thousands_of_files_the_newest_are_followed_and_the_rest_told(tmp_path: Path) -> None:
    for number in range(1500):
        path = tmp_path / f"{number:05}.log"
        path.touch()
        os.utime(path, (number, number))
    found = find([f"{tmp_path}/*.log"])
    assert found.paths == [f"{tmp_path}/{number:05}.log" for number in range(1500 - MAX_FILES, 1500)]
    assert found.beyond == 1500 - MAX_FILES
