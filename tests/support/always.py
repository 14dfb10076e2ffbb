"""What every record of a failure has, whatever the failure: who, where, which versions, which work, when.

    assert_always(crash, desk, service=("publisher", "5.0"), production={"shot": "sq010_sh020"})

compares values, not names: the machine's own name, the versions that ran, the time of the event itself.
"""

from __future__ import annotations

import platform
import re
import time
from typing import TYPE_CHECKING

import clientobs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.otlp_inbox import Telemetry
    from support.workstation import Workstation

__all__ = ["assert_always"]

_ID = re.compile(r"[0-9a-f]{32}")
_PSEUDONYM = re.compile(r"u-[0-9a-f]{16}")


def assert_always(
    one: Telemetry,
    desk: Workstation,
    *,
    service: tuple[str, str],
    production: Mapping[str, str],
    traced: bool = True,
    tool: tuple[str, str] | None = None,
    until_ns: int | None = None,
) -> None:
    """Compare what must be on each record with what is so on this machine.

    production   by its plain names: {"shot": "sq010_sh020"}
    traced       whether it happened within a span of the user's
    tool         name and version of the tool where that is not the service
    until_ns     when the event was over at the latest, on the wall clock; now, where that is not known
    """
    said, of = one.attributes, one.resource
    assert _ID.fullmatch(said["session.id"])
    assert any(one.record.trace_id) is traced
    assert (of["service.name"], of["service.version"]) == service
    assert (said["tool.name"], said["tool.version"]) == (tool or service)
    assert of["process.runtime.version"] == platform.python_version()
    assert of["telemetry.distro.version"] == clientobs.__version__
    assert (of["host.name"], of["os.type"]) == (platform.node(), platform.system().lower())
    assert of["os.version"] == platform.release()
    assert _PSEUDONYM.fullmatch(said["user.id"])
    assert desk.login not in str((said, of))
    for name, value in production.items():
        assert said[f"production.{name}"] == value
    happened = getattr(one.record, "start_time_unix_nano", 0) or one.record.time_unix_nano
    assert desk.began_ns <= happened <= (until_ns or time.time_ns())
