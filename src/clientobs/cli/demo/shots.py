"""What the demo publishes: two shots of a small show, and the presets of their review movies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ["DELIVERY", "FRAME_RATE", "REVIEW", "SHOTS", "Preset", "Shot"]

FRAME_RATE: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """How a review movie is encoded; the codecs are names of ffmpeg's encoders."""

    name: str
    video_codec: str
    audio_codec: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One shot to publish. `picture(frame)` is a source of ffmpeg's lavfi: the scene that is rendered."""

    project: str
    sequence: str
    name: str
    task: str
    version: int
    preset: Preset
    picture: Callable[[int], str]
    first_frame: int = 1001
    frame_count: int = 12

    @property
    def frames(self) -> range:
        """The numbers of the frames, as the trade counts them: from 1001."""
        return range(self.first_frame, self.first_frame + self.frame_count)

    @property
    def folder(self) -> str:
        """The publish folder below the storage's root, with forward slashes."""
        return f"{self.project}/{self.sequence}/{self.name}/{self.task}/v{self.version:03d}"


def _spiral(frame: int) -> str:
    return _fractal(frame, x=-0.743643887, y=-0.131825904)


def _coast(frame: int) -> str:
    return _fractal(frame, x=-1.250660, y=0.020120)


def _fractal(frame: int, *, x: float, y: float) -> str:
    """Return a camera that dives into a fractal, one step nearer with each frame: honest work to render."""
    scale = 3.0 * 0.75 ** (frame - 1001)
    return f"mandelbrot=size=640x360:start_x={x}:start_y={y}:start_scale={scale:.9f}:maxiter=400"


REVIEW: Final = Preset(name="review", video_codec="libx264", audio_codec="aac")
DELIVERY: Final = Preset(name="client delivery", video_codec="libx264", audio_codec="libfdk_aac")
"""Written on a workstation whose ffmpeg was built with the Fraunhofer AAC encoder. Its licence keeps that
encoder out of every ffmpeg that may be passed on, so the preset fails wherever the tool is installed next."""

SHOTS: Final = (
    Shot(
        project="comet",
        sequence="sq010",
        name="sh0040",
        task="comp",
        version=3,
        preset=REVIEW,
        picture=_spiral,
    ),
    Shot(
        project="comet",
        sequence="sq010",
        name="sh0050",
        task="comp",
        version=1,
        preset=DELIVERY,
        picture=_coast,
    ),
)
