"""Work that is known to take long: a render, a save, the load of a scene.

It is known by the attribute `tool.work` of an open span, which code and host adapters set. It is also known by a
word in the span's name: people name spans before they read any documentation. Known work may take
HangsConfig.work_seconds. But work that moves nothing (no processor time in the whole process, no bytes) for
HangsConfig.stall_seconds is a hang all the same: a save to a NAS that is gone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["kind_of", "kind_of_callback"]

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
_AROUND: Final = frozenset({"after", "before", "on", "post", "pre"})
_SPLIT: Final = re.compile(r"[^a-z]+")


def kind_of(name: str, attributes: Mapping[str, Any]) -> str:
    """Return the kind of work that a span is, "" for none that is known.

    >>> kind_of("Load scene", {}), kind_of("reload shelf", {}), kind_of("x", {"tool.work": "render"})
    ('load', '', 'render')
    """
    said = attributes.get(semconv.TOOL_WORK)
    if isinstance(said, str):
        return said[:32]
    return next((_WORDS[word] for word in _words(name) if word in _WORDS), "")


def kind_of_callback(name: str) -> str:
    """Return the kind of work that a callback is, "" for one that a host calls before or after such work.

    >>> kind_of_callback("Render sequence"), kind_of_callback("kAfterOpen"), kind_of_callback("render_pre")
    ('render', '', '')
    """
    return "" if _AROUND.intersection(_words(name)) else kind_of(name, {})


def _words(name: str) -> list[str]:
    return _SPLIT.split(re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower())
