"""ffmpeg as a studio's tool calls it: one span for each run, its own words where it fails."""

from __future__ import annotations

import re
import subprocess
from typing import Any, Final

import clientobs

__all__ = ["Ffmpeg", "FfmpegFailedError", "FfmpegMissingError", "find_ffmpeg"]

_LINES: Final = 2
_COMMON: Final = ("-hide_banner", "-nostdin", "-loglevel", "error", "-y")


class FfmpegMissingError(Exception):
    """There is no ffmpeg to run; the message says how to get one."""


class FfmpegFailedError(Exception):
    """ffmpeg ended with another code than 0; the message holds the code and its words."""


class Ffmpeg:
    """Runs one ffmpeg binary."""

    def __init__(self, program: str) -> None:
        self.program = program

    def run(self, *arguments: str, span: str = "ffmpeg", **attributes: Any) -> str:
        """Run it inside a span of that name and return what it printed; FfmpegFailedError where it fails."""
        command = [self.program, *_COMMON, *arguments]
        with clientobs.span(span, **attributes):
            done = subprocess.run(  # noqa: S603  # no shell, and the program is the one that was found
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
            )
            if done.returncode != 0:
                raise FfmpegFailedError(f"ffmpeg ended with {done.returncode}: {_words(done.stderr)}")
            return done.stdout


def find_ffmpeg() -> Ffmpeg:
    """Return the ffmpeg that imageio-ffmpeg carries in its wheel, or one that IMAGEIO_FFMPEG_EXE names."""
    try:
        import imageio_ffmpeg  # noqa: PLC0415  # an extra: only the demo needs it
    except ImportError:
        raise FfmpegMissingError(
            "the demo renders with the ffmpeg of the package imageio-ffmpeg: pip install 'clientobs[demo]'"
        ) from None
    try:
        return Ffmpeg(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:  # there is no binary for this platform in the wheel, nor one on PATH
        raise FfmpegMissingError(str(error)) from None


def _words(stderr: str) -> str:
    """Return its first error lines: the cause comes first, what follows from it comes after."""
    # Each line starts with the component and its address, "[aost#0:1 @ 0x55e4]": no two runs have the same.
    lines = [re.sub(r"^\[[^\]]* @ [^\]]*\] *", "", line).strip() for line in stderr.splitlines()]
    return " | ".join([line for line in lines if line][:_LINES]) or "(it said nothing)"
