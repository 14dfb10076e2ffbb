"""Who waits for whose lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["who_waits"]


def who_waits(frames: dict[int, FrameType], names: dict[int, str]) -> list[str]:
    """Return a sentence for each thread of a circle of waiting ones, [] where there is none."""
    return []
