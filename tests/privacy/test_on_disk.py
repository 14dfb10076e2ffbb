"""The promise itself: whatever a tool does with a credential, no byte of it reaches the disk."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from clientobs.journal.format import Kind
from clientobs.privacy.keys import MARKER
from support.planted import FORMS
from support.programs import run_program
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "Zq9hunter2Qz"

PROGRAM = """
    import json, logging, sys
    import clientobs

    forms, secret = json.loads(sys.argv[1]), sys.argv[2]
    clientobs.init("leaky tool", version="1")
    clientobs.set_context(project="bluebird", client_password=secret, user="anna")
    for form in forms:
        text = form.format(secret)
        with clientobs.span(text, note=text, argv=["tool", text], nested={"deep": [text]}, raw=text.encode()):
            clientobs.event("tool.said", text, detail=text)
            logging.getLogger("tool").warning("said %s", text)
            clientobs.counter("tool.calls").add(1, note=text)
        try:
            with clientobs.span("failing"):
                raise ValueError(text)
        except ValueError:
            pass
    with clientobs.span("keys", password=secret, api_key=[secret], ftrack={"token": secret}):
        clientobs.event(secret="x", name="tool.done", auth={"user": secret})
    clientobs.flush(timeout=0)
"""


def test_no_byte_of_a_credential_is_on_disk_whatever_a_tool_does_with_it(home: Path) -> None:
    done = run_program(
        PROGRAM,
        json.dumps(FORMS),
        SECRET,
        environ={
            "OTEL_RESOURCE_ATTRIBUTES": f"ftrack.api_key={SECRET},site=berlin",
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer {SECRET}",
            "FTRACK_API_KEY": SECRET,
            "USER": "anna",
        },
    )
    assert done.returncode == 0, done.stderr
    files = [path for path in home.rglob("*") if path.is_file()]
    guilty = [path.name for path in files if SECRET.encode() in path.read_bytes()]
    assert guilty == []
    assert [path.name for path in files if b"anna" in path.read_bytes()] == []
    records = seen(home)
    assert len(records.spans) == 2 * len(FORMS) + 1
    assert len(records.of(Kind.LOG)) >= 2 * len(FORMS)
    assert records.of(Kind.METRICS)
    assert records.span("keys").attributes == {
        "password": MARKER,
        "api_key": MARKER,
        "ftrack": {"token": MARKER},
    }
    assert records.context_of("keys")["production.project"] == "bluebird"
