"""Two tools, two endpoints, two tokens: each record reaches its own, and no token rests anywhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from support.otlp_receiver import OtlpReceiver
from support.workstation import Workstation, until

if TYPE_CHECKING:
    from pathlib import Path

    from support.otlp_inbox import Inbox

TOKENS = ("s3cr3t-of-the-first", "s3cr3t-of-the-second")
TOOL = """
    clientobs.init(sys.argv[1])
    with clientobs.span(sys.argv[1], environment=dict(os.environ)):
        clientobs.event("at.work", str(dict(os.environ)))
    say(None)
    wait()
"""


def environ_for(inbox: OtlpReceiver, token: str) -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": inbox.base,
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{token}",
    }


def everything(inbox: Inbox) -> bytes:
    return b"".join(got.message.SerializeToString() for got in inbox.requests)


def test_each_tool_reaches_its_own_endpoint_with_its_own_token(
    tmp_path: Path, receiver: OtlpReceiver
) -> None:
    with Workstation(tmp_path) as desk, OtlpReceiver() as other:
        inboxes = (receiver, other)
        hosts = [
            desk.start(TOOL, name, environ=environ_for(inbox, token))
            for name, inbox, token in zip(("first", "second"), inboxes, TOKENS, strict=True)
        ]
        until(lambda: all(inbox.spans() and len(inbox.logs_in_order()) == 2 for inbox in inboxes))
        resting = desk.all_bytes()
        for host in hosts:
            host.kill()
        until(lambda: all(len(inbox.logs_in_order()) == 3 for inbox in inboxes))
        resting |= {f"{path} after": data for path, data in desk.all_bytes().items()}
    for name, inbox, token in zip(("first", "second"), inboxes, TOKENS, strict=True):
        assert {got.headers["authorization"] for got in inbox.requests} == {f"Bearer {token}"}
        records = [*inbox.spans(), *inbox.logs()]
        assert {one.resource["service.name"] for one in records} == {name}
        assert [found for found in TOKENS if found.encode() in everything(inbox)] == []
    assert len(resting) > 10
    assert [path for path, data in resting.items() if any(token.encode() in data for token in TOKENS)] == []


def test_a_run_whose_credential_nobody_has_waits_and_status_says_so(
    tmp_path: Path, receiver: OtlpReceiver
) -> None:
    lost, present = (environ_for(receiver, token) for token in TOKENS)
    with Workstation(tmp_path) as desk:
        host = desk.start(TOOL, "lost", environ={**lost, "CLIENTOBS_DRAIN": "external"})
        host.heard()
        host.kill()
        host = desk.start(TOOL, "present", environ=present)
        receiver.wait_for(lambda: len(receiver.logs_in_order()) == 2, 30)
        until(lambda: any(state.elsewhere for state in desk.states()))
        (drain,) = json.loads(desk.clientobs("status", "--json").stdout)["drains"]
        assert [waiting["runs"] for waiting in drain["elsewhere"].values()] == [1]
        assert "1 run wait for a drain with their credential" in desk.clientobs("status").stdout
        assert {one.resource["service.name"] for one in receiver.logs()} == {"present"}
        assert host.end() == 0
        # Somebody with the credential comes: what waited arrives, by hand or by the next host.
        assert desk.clientobs("drain", "--once", environ=lost).returncode == 0
        receiver.wait_for(lambda: "lost" in {one.record.name for one in receiver.spans()}, 30)
