"""ffmpeg as a studio's tool calls it: one span for each run, its own words where it fails."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Final

import clientobs

__all__ = ["Ffmpeg", "FfmpegFailedError", "FfmpegMissingError", "find_ffmpeg"]

_LAST_LINES: Final = 4
_COMMON: Final = ("-hide_banner", "-nostdin", "-loglevel", "error", "-y")


class FfmpegMissingError(Exception):
    """There is no ffmpeg to run; the message says how to get one."""


class FfmpegFailedError(Exception):
    """ffmpeg ended with another code than 0; the message holds the code and its last words."""


class Ffmpeg:
    """Runs one ffmpeg binary."""

    def __init__(self, program: str) -> None:
        self.program = program

    def run(self, *arguments: str) -> str:
        """Run it and return what it printed; raise FfmpegFailedError where it fails."""
        command = [self.program, *_COMMON, *arguments]
        with clientobs.span("ffmpeg", **{"process.command_args": command[1:]}) as span:
            done = subprocess.run(  # noqa: S603  # no shell, and the program is the one that was found
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
            )
            span.set_attribute("process.exit.code", done.returncode)
            if done.returncode != 0:
                raise FfmpegFailedError(f"ffmpeg ended with {done.returncode}: {_last_words(done.stderr)}")
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


def _last_words(stderr: str) -> str:
    lines: Sequence[str] = [line.strip() for line in stderr.splitlines() if line.strip()]
    return " | ".join(lines[-_LAST_LINES:]) or "(it said nothing)"
