"""No disk takes the journal: it goes into memory, says so, and keeps its promises but for a reboot."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clientobs.drain.service.state import read_states
from clientobs.journal.home import prepare
from support.workstation import PATIENCE, Workstation, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.otlp_receiver import OtlpReceiver

# In mounts of their own, host and drain find every folder of the disk read-only, and an empty /dev/shm.
READ_ONLY = """
    set -e
    mount --make-rprivate /
    mount -t tmpfs tmpfs /dev/shm
    for folder in /var/tmp /tmp "$HOME"; do
        mount --bind $folder $folder
        tries=0
        until mount -o remount,ro,bind $folder; do  # busy while somebody writes through it
            tries=$((tries + 1)); test $tries -lt 100; sleep 0.1
        done
    done
    exec "$@"
"""
HOST = """
    runtime = clientobs.init("tool")
    with clientobs.span("ended"):
        clientobs.event("at.work", "busy")
    opened = clientobs.span("open")
    opened.__enter__()
    say([runtime.home, runtime.config.journal.bulk_bytes])
    wait()
"""


@pytest.fixture
def diskless(tmp_path: Path, receiver: OtlpReceiver) -> Iterator[Workstation]:
    """Return a workstation whose hosts find no disk."""
    probe = ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", "true"]
    if not shutil.which("unshare") or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("needs Linux, and the right to mount")
    with Workstation(tmp_path, receiver.base) as desk:
        del desk.environ["CLIENTOBS_HOME"]
        yield desk


def start(desk: Workstation) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", *desk.command(HOST)],
        env={**desk.environ, "HOME": str(desk.folder), "XDG_STATE_HOME": ""},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="the other systems have no folder in memory")
@pytest.mark.parametrize("was_there", [False, True])  # True: a disk with errors is remounted read-only
def test_without_any_disk_records_survive_the_kill_and_the_journal_says_where_it_is(
    diskless: Workstation, receiver: OtlpReceiver, *, was_there: bool
) -> None:
    if was_there:
        prepare(str(diskless.folder / ".local/state/clientobs"), uid=os.getuid())
    with start(diskless) as host:
        assert host.stdout is not None
        home, quota = json.loads(host.stdout.readline())
        assert home == f"/dev/shm/clientobs-{os.getuid()}"
        assert quota <= 24 << 20
        assert not Path(home).exists()  # seen from here, where there is a disk
        receiver.wait_for(receiver.spans, PATIENCE)
        seen_by_host = f"/proc/{host.pid}/root{home}"
        until(lambda: read_states(seen_by_host))
        drain = read_states(seen_by_host)[0].pid
        try:
            host.kill()
            receiver.wait_for(lambda: len(receiver.spans()) == 2, PATIENCE)
        finally:
            os.kill(drain, signal.SIGTERM)
    assert {
        one.record.name: bool(one.attributes.get("clientobs.interrupted")) for one in receiver.spans()
    } == {
        "ended": False,
        "open": True,
    }
    (told,) = [one for one in receiver.logs() if one.record.event_name == "clientobs.journal.memory"]
    assert "Read-only file system" in told.record.body.string_value
    assert told.record.severity_text == "WARN"
