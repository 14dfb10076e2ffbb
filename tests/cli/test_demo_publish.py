"""The publish tool of the demo does real work, and works the same where nothing records."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from clientobs.cli.demo.ffmpeg import Ffmpeg, FfmpegFailedError, FfmpegMissingError, find_ffmpeg
from clientobs.cli.demo.publish import CheckError, Publisher, press_publish
from clientobs.cli.demo.shots import SHOTS

GOOD, BAD = (replace(shot, frame_count=3) for shot in SHOTS)


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    (tmp_path / "scratch").mkdir()
    return Publisher(ffmpeg=find_ffmpeg(), nas=tmp_path / "nas", scratch=tmp_path / "scratch")


def test_a_publish_leaves_frames_movie_and_a_true_manifest(publisher: Publisher) -> None:
    manifest = publisher.publish(GOOD)
    listed = json.loads(manifest.read_text(encoding="utf-8"))
    names = [entry["name"] for entry in listed["files"]]
    assert names == ["sh0040.1001.png", "sh0040.1002.png", "sh0040.1003.png", "sh0040_v003.mov"]
    for entry in listed["files"]:
        content = (manifest.parent / entry["name"]).read_bytes()
        assert entry["size"] == len(content) > 0
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()


def test_the_frames_are_pictures_that_differ(publisher: Publisher, tmp_path: Path) -> None:
    frames = publisher.render(GOOD, tmp_path)
    contents = [frame.read_bytes() for frame in frames]
    assert all(content.startswith(b"\x89PNG") for content in contents)
    assert len(set(contents)) == len(contents)


def test_the_delivery_preset_fails_in_ffmpegs_own_words_and_leaves_no_manifest(publisher: Publisher) -> None:
    outcome = press_publish(publisher, BAD)
    assert outcome.manifest is None
    assert outcome.error is not None
    assert "Unknown encoder 'libfdk_aac'" in outcome.error
    assert [path.suffix for path in (publisher.nas / BAD.folder).iterdir()] == [".png"] * 3


def test_a_movie_that_stops_at_a_missing_frame_is_noticed(publisher: Publisher, tmp_path: Path) -> None:
    publisher.render(GOOD, tmp_path)
    (tmp_path / "sh0040.1002.png").unlink()
    movie = publisher.encode(GOOD, tmp_path)  # ffmpeg ends with 0
    with pytest.raises(CheckError, match=r"holds \d frames, 3 were rendered"):
        publisher.check(movie, expected=3)


def test_a_failing_ffmpeg_raises_with_its_code(tmp_path: Path) -> None:
    with pytest.raises(FfmpegFailedError, match=r"ffmpeg ended with \d+: .*No such file"):
        find_ffmpeg().run("-i", str(tmp_path / "missing.mov"), "-f", "null", "-")


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(FfmpegMissingError, match=r"pip install 'clientobs\[demo\]'"):
        find_ffmpeg()


def test_an_ffmpeg_that_cannot_start_is_an_error_of_the_system() -> None:
    with pytest.raises(FileNotFoundError):
        Ffmpeg("/no/such/ffmpeg").run("-version")
