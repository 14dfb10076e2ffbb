"""Whom the checks examine: the settings in force, the surroundings, and the Runtime where one is active."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientobs.config.resolve import Resolved
    from clientobs.runtime.runtime import Runtime

__all__ = ["Patient"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What is to be examined. `network`: whether the endpoint may be asked, which can take its timeout."""

    resolved: Resolved
    environ: Mapping[str, str]
    runtime: Runtime | None
    network: bool
