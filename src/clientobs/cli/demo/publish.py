"""The publish tool of the demo: what a studio's own tool looks like with clientobs in it.

    render frames -> encode the review movie -> check it -> copy it to the NAS -> write the manifest

Nothing of clientobs is used here but its public names: a context, spans, events and three instruments. The
errors are not caught for clientobs' sake: they pass through its spans unchanged, up to whoever runs the tool.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import clientobs
from clientobs.cli.demo.ffmpeg import Ffmpeg, FfmpegFailedError
from clientobs.cli.demo.shots import FRAME_RATE, Shot

__all__ = ["CheckError", "Outcome", "Publisher", "press_publish"]

_FRAMES_RENDERED: Final = clientobs.counter("demo.frames.rendered", "{frame}", "Frames rendered.")
_BYTES_PUBLISHED: Final = clientobs.counter("demo.published.size", "By", "Bytes that reached the NAS.")
_MOVIE_SIZE: Final = clientobs.histogram("demo.movie.size", "By", "Size of the review movies.")


class CheckError(Exception):
    """What was made is not what was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one publish ended; `seconds` is how long it took, `error` is what the artist is told."""

    shot: str
    version: int
    trace_id: str
    seconds: float
    manifest: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Publishes shots from a scratch folder on this machine to a folder that plays the NAS."""

    ffmpeg: Ffmpeg
    nas: Path
    scratch: Path

    def publish(self, shot: Shot) -> Path:
        """Publish one shot and return its manifest; what goes wrong on the way is raised."""
        target = self.nas / shot.folder
        target.mkdir(parents=True, exist_ok=True)
        frames = self.render(shot, target)
        movie = self.encode(shot, target)
        self.check(movie, expected=shot.frame_count)
        published = self.copy(movie, target)
        return self.write_manifest(shot, target, [*frames, published])

    @clientobs.traced("render_frames")
    def render(self, shot: Shot, target: Path) -> list[Path]:
        """Render each frame of the shot into the publish folder."""
        clientobs.event("render.started", f"Rendering {shot.frame_count} frames to {target}")
        return [self.render_frame(shot, frame, target) for frame in shot.frames]

    def render_frame(self, shot: Shot, frame: int, target: Path) -> Path:
        """Render one frame as PNG."""
        image = target / f"{shot.name}.{frame}.png"
        source = ("-f", "lavfi", "-i", shot.picture(frame))
        self.ffmpeg.run(*source, "-frames:v", "1", str(image), span="render_frame", frame=frame)
        _FRAMES_RENDERED.add(1, step=shot.task)
        return image

    @clientobs.traced("encode_review")
    def encode(self, shot: Shot, target: Path) -> Path:
        """Encode the frames and a guide tone into a review movie on the local disk."""
        preset, movie = shot.preset, self.scratch / f"{shot.name}_v{shot.version:03d}.mov"
        clientobs.event(
            "encode.started", f"Encoding {movie.name} with {preset.video_codec} and {preset.audio_codec}"
        )
        pattern = str(target / f"{shot.name}.%04d.png")
        frames = ("-framerate", str(FRAME_RATE), "-start_number", str(shot.first_frame), "-i", pattern)
        tone = ("-f", "lavfi", "-i", "sine=frequency=440")
        length = ("-t", f"{shot.frame_count / FRAME_RATE:.4f}")
        codecs = ("-c:v", preset.video_codec, "-pix_fmt", "yuv420p", "-c:a", preset.audio_codec)
        self.ffmpeg.run(*frames, *tone, *length, *codecs, str(movie))
        _MOVIE_SIZE.record(movie.stat().st_size, preset=preset.name)
        return movie

    @clientobs.traced("check_movie")
    def check(self, movie: Path, *, expected: int) -> None:
        """Decode the movie to the end: an encoder that stops at a missing frame ends with 0 all the same."""
        told = self.ffmpeg.run(
            "-i", str(movie), "-map", "0:v", "-progress", "pipe:1", "-f", "null", os.devnull
        )
        counts = [line.partition("=")[2] for line in told.splitlines() if line.startswith("frame=")]
        decoded = int(counts[-1]) if counts else 0
        if decoded != expected:
            raise CheckError(f"{movie.name} holds {decoded} frames, {expected} were rendered")
        clientobs.event("movie.checked", f"{movie.name}: all {decoded} frames decode", frames=decoded)

    @clientobs.traced("copy_to_nas")
    def copy(self, movie: Path, target: Path) -> Path:
        """Copy the movie to the NAS and compare checksums."""
        published = target / movie.name
        shutil.copyfile(movie, published)
        if checksum(published) != checksum(movie):
            raise CheckError(f"{published} differs from what was copied there")
        return published

    @clientobs.traced("write_manifest")
    def write_manifest(self, shot: Shot, target: Path, files: list[Path]) -> Path:
        """Write down what was published, with checksums; the manifest is what makes it a publish."""
        entries: list[dict[str, Any]] = [
            {"name": file.name, "size": file.stat().st_size, "sha256": checksum(file)} for file in files
        ]
        content = {
            "project": shot.project,
            "sequence": shot.sequence,
            "shot": shot.name,
            "task": shot.task,
            "version": shot.version,
            "files": entries,
        }
        manifest, partial = target / "manifest.json", target / ".manifest.json.part"
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        partial.replace(manifest)
        clientobs.event("shot.published", f"Published {shot.name} v{shot.version:03d}: {len(entries)} files")
        _BYTES_PUBLISHED.add(sum(entry["size"] for entry in entries), step=shot.task)
        return manifest


def press_publish(publisher: Publisher, shot: Shot) -> Outcome:
    """Do what the tool's button does: publish in the shot's context, tell the artist what went wrong."""
    started, trace_id = time.monotonic(), ""
    manifest: str | None = None
    error: str | None = None
    production = {"project": shot.project, "sequence": shot.sequence, "shot": shot.name, "task": shot.task}
    try:
        with (
            clientobs.context(**production, publish_version=shot.version),
            clientobs.span("publish_shot", preset=shot.preset.name),
        ):
            trace_id = clientobs.trace_id() or ""
            manifest = str(publisher.publish(shot))
    except (FfmpegFailedError, CheckError, OSError) as failure:
        error = str(failure)
    return Outcome(
        shot=f"{shot.sequence}/{shot.name}",
        version=shot.version,
        trace_id=trace_id,
        seconds=round(time.monotonic() - started, 3),
        manifest=manifest,
        error=error,
    )


def checksum(file: Path) -> str:
    """Return the SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        for piece in iter(lambda: stream.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()
