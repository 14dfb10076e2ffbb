"""One failure, one headline at the back end: counted over many ways in which a failure travels."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from support import one_failure_each

if TYPE_CHECKING:
    from support.otlp_inbox import Telemetry
    from support.otlp_receiver import OtlpReceiver
    from support.workstation import Workstation

ERROR = 17


@pytest.mark.parametrize(
    "environ", [{}, {"TRACEPARENT": f"00-{'a' * 32}-{'b' * 16}-01"}], ids=["of its own", "below a launcher"]
)
def test_each_failure_has_one_headline_however_it_travels(
    receiver: OtlpReceiver, desk: Workstation, environ: dict[str, str]
) -> None:
    program = "import runpy; runpy.run_path(sys.argv[1], run_name='__main__')"
    desk.start(program, str(one_failure_each.__file__), environ=environ).end()
    expected = one_failure_each.EXPECTED

    def headlines() -> list[Telemetry]:
        return [
            one for one in receiver.logs() if one.record.event_name and one.record.severity_number >= ERROR
        ]

    def is_over() -> bool:
        return any(one.record.event_name == "session.end" for one in receiver.logs())

    # Both: they go by two lanes, of which either may arrive first.
    receiver.wait_for(lambda: is_over() and len(headlines()) >= sum(expected.values()), 30)
    found = Counter(str(one.attributes["production.shot"]) for one in headlines())
    assert {name: found[name] for name in expected} == expected
    assert set(found) <= set(expected)
