"""Work that is known to take long: a render, a save, the load of a scene.

It is known by the attribute `tool.work` of an open span, which code and host adapters set, or by a word in the
span's name, which people give before they read any documentation. Known work may take HangsConfig.work_seconds;
but work that moves nothing (no processor time in the whole process, no bytes) for HangsConfig.stall_seconds is a
hang all the same: a save to a NAS that is gone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["kind_of"]

_WORDS: Final = {
    "load": "load",
    "loading": "load",
    "open": "load",
    "opening": "load",
    "import": "load",
    "importing": "load",
    "save": "save",
    "saving": "save",
    "export": "save",
    "exporting": "save",
    "render": "render",
    "rendering": "render",
    "playblast": "render",
    "bake": "simulation",
    "baking": "simulation",
    "cache": "simulation",
    "caching": "simulation",
    "simulate": "simulation",
    "simulation": "simulation",
}
_SPLIT: Final = re.compile(r"[^a-z]+")


def kind_of(name: str, attributes: Mapping[str, Any]) -> str:
    """Return the kind of work that a span is, "" for none that is known.

    >>> kind_of("Load scene", {}), kind_of("reload shelf", {}), kind_of("x", {"tool.work": "render"})
    ('load', '', 'render')
    """
    said = attributes.get(semconv.TOOL_WORK)
    if isinstance(said, str):
        return said[:32]
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower()
    return next((_WORDS[word] for word in _SPLIT.split(spaced) if word in _WORDS), "")
