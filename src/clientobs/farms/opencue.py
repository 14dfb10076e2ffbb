"""OpenCue: a carrier in the environment of an outline, and in the XML of a job specification.

RQD does not pass on the environment of the machine that submits, so a carrier has to stand in the job. Of an
outline's own variables only those set with `pre=True` get into the specification (`outline/backend/cue.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from clientobs.farms.carriers import for_a_job

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Outline", "put_into", "specification"]


class Outline(Protocol):
    """What of pyoutline's Outline is used here."""

    def set_env(self, key: str, value: str, pre: bool = ...) -> object:
        """Set a variable of all layers; with `pre` it reaches the job specification."""


def put_into(outline: Outline, carrier: Mapping[str, str]) -> None:
    """Set the carrier's variables on an outline, for all of its layers, before it is launched."""
    for name, value in for_a_job(carrier).items():
        outline.set_env(name, value, pre=True)


def specification(carrier: Mapping[str, str]) -> str:
    """Return the `<env>` element of a job or a layer, for those who write the specification themselves.

    >>> specification({"TRACEPARENT": "00-1-2-01"})
    '<env><key name="TRACEPARENT">00-1-2-01</key></env>'
    """
    from xml.etree import ElementTree  # noqa: PLC0415  # it writes here, and reads nothing

    env = ElementTree.Element("env")
    for name, value in for_a_job(carrier).items():
        ElementTree.SubElement(env, "key", {"name": name}).text = value
    return ElementTree.tostring(env, encoding="unicode")
