"""Who joins and who links: children, tasks of a farm and what they start, hosts and their launchers."""

from __future__ import annotations

from typing import Any

import pytest

import clientobs
from clientobs.farms.carriers import for_a_job
from clientobs.hosts import presence
from clientobs.record import recorder
from clientobs.record.carrier import Incoming
from clientobs.runtime.origin import LAUNCH_VARIABLE, descent_of, launched_directly

TRACE, SPAN = "a" * 32, "b" * 16
PARENT = f"00-{TRACE}-{SPAN}-01"
CUE = {"CUE_JOB": "sq010", "CUE_JOB_ID": "job-1", "CUE_FRAME_ID": "frame-37", "CUE_IFRAME": "37"}


def origin_under(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> tuple[str, str]:
    """Start a session under `environ`; return what its roots do and its carrier's baggage."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    clientobs.init("tool")
    started = recorder.active()
    assert started is not None
    origin = started.origin
    assert origin.parent is None or origin.link is None
    assert (
        "farm." not in clientobs.carrier().get("BAGGAGE", "") or origin.parent is not None or not origin.link
    )
    with clientobs.span("work"):
        carried = clientobs.carrier()
    clientobs.shutdown()
    what = "joins" if origin.parent else f"links: {origin.why}" if origin.link else "neither"
    return what, carried.get("BAGGAGE", "")


def test_a_plain_child_joins(monkeypatch: pytest.MonkeyPatch) -> None:
    assert origin_under(monkeypatch, {"TRACEPARENT": PARENT})[0] == "joins"


def test_a_task_links_to_its_submission_and_what_it_starts_joins_it(monkeypatch: pytest.MonkeyPatch) -> None:
    submission = {"TRACEPARENT": PARENT, "BAGGAGE": "production.shot=sh020"}
    what, baggage = origin_under(monkeypatch, {**CUE, **submission})
    assert what == "links: submission"
    child = {**CUE, "TRACEPARENT": f"00-{'c' * 32}-{'d' * 16}-01", "BAGGAGE": baggage}
    what, again = origin_under(monkeypatch, child)
    assert (what, again) == ("joins", baggage)


@pytest.mark.parametrize(
    "other", [{"CUE_JOB_ID": "job-2"}, {"CUE_JOB": "", "CUE_FRAME_ID": "", "TR_ENV_JID": "1"}]
)
def test_a_job_that_a_task_submits_links_to_that_task(
    monkeypatch: pytest.MonkeyPatch, other: dict[str, str]
) -> None:
    _, baggage = origin_under(monkeypatch, CUE)
    what, carried = origin_under(monkeypatch, {**CUE, **other, "TRACEPARENT": PARENT, "BAGGAGE": baggage})
    assert what == "links: submission"
    assert "frame-37" not in carried or other.get("CUE_JOB_ID")


def test_the_same_with_a_farm_that_says_nothing_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    unnamed = {"CLIENTOBS_SESSION_KIND": "farm", "TRACEPARENT": PARENT}
    what, baggage = origin_under(monkeypatch, unnamed)
    assert what == "links: submission"
    assert origin_under(monkeypatch, {**unnamed, "BAGGAGE": baggage})[0] == "joins"
    job = for_a_job({"TRACEPARENT": PARENT, "BAGGAGE": baggage})
    assert origin_under(monkeypatch, {**unnamed, "BAGGAGE": "", **job})[0] == "links: submission"


class _Maya:
    class Cmds:
        def __init__(self, *, batch: bool) -> None:
            self.batch = batch

        def about(self, *, batch: bool) -> bool:
            assert batch
            return self.batch


@pytest.mark.parametrize(("batch", "does"), [(False, "links: launcher"), (True, "joins")])
def test_an_interactive_host_links_to_its_launcher_and_a_batch_host_joins(
    monkeypatch: pytest.MonkeyPatch, batch: bool, does: str
) -> None:
    maya = presence.Presence("maya", batch)
    monkeypatch.setattr(presence, "host_of_this_process", lambda: maya)
    assert origin_under(monkeypatch, {"TRACEPARENT": PARENT})[0] == does
    assert origin_under(monkeypatch, {LAUNCH_VARIABLE: SPAN})[0] == does


def test_what_a_launch_starts_links_to_it_but_not_what_that_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert origin_under(monkeypatch, {"TRACEPARENT": PARENT, LAUNCH_VARIABLE: SPAN})[0] == "links: launcher"
    below = f"00-{TRACE}-{'e' * 16}-01"
    assert origin_under(monkeypatch, {"TRACEPARENT": below})[0] == "joins"


def test_hosts_are_told_by_module_and_executable_together() -> None:
    def found(modules: dict[str, Any], executable: str) -> presence.Presence | None:
        return presence.presence_of(modules, executable)

    interactive, batch = _Maya.Cmds(batch=False), _Maya.Cmds(batch=True)
    assert found({"maya.cmds": interactive}, "maya.bin") == ("maya", False)
    assert found({"maya.cmds": batch}, "mayapy") == ("maya", True)
    assert found({"hou": interactive}, "maya.bin") is None
    assert found({"bpy": object()}, "python3.11") is None


@pytest.mark.usefixtures("lenient_faults")
def test_a_host_that_cannot_answer_yet_is_neither() -> None:
    assert presence.presence_of({"maya.cmds": object()}, "mayapy") == ("maya", None)


def test_nothing_incoming_is_nothing_to_link_or_join() -> None:
    nothing = Incoming()
    for kind in ("farm", "interactive", "batch"):
        assert descent_of(nothing, kind=kind, farm={}, interactive_host=True, launched=True) == "none"
    assert not launched_directly(nothing, {LAUNCH_VARIABLE: "0" * 16})
