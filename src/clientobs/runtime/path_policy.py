"""What the setting `files.paths` makes of a path in the text of an exception (record/hidden_paths.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clientobs.privacy.pseudonym import maker

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.config.model import Config
    from clientobs.journal.home import Home

__all__ = ["of"]


def of(config: Config, home: Home) -> Callable[[str], str] | None:
    """Return what shortens a path, as the instrument of files does; None where paths are kept."""
    if config.files.paths == "keep":
        return None
    from clientobs.instruments.files.pathtext import PathText  # noqa: PLC0415  # the policy alone needs them
    from clientobs.paths.portable import Roots  # noqa: PLC0415

    return PathText(config.files.paths, Roots(config.roots), maker(home.secret)).full
