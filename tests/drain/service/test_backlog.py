"""A weekend offline: the whole quota of the bulk lane waits, and the drain stays small."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.drain_process import drain_environment
from support.otlp_receiver import OtlpReceiver
from support.recorder import Recorder

MIB = 1 << 20
SPANS = 740_000  # 256 MiB of segments

DRAIN = """
import sys
from pathlib import Path
from support.drains import config_for, drain_once
assert drain_once(Path(sys.argv[1]), config_for(sys.argv[2], bulk_bytes=1 << 30), timeout=500)
# Not getrusage(): a process that was started by vfork begins with the peak of the one that started it, these tests.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_a_backlog_of_256_mib_is_delivered_within_60_mb(home: Path) -> None:
    with Recorder(home, bulk_bytes=1 << 30) as host:
        for _ in range(SPANS // 10_000):
            host.tell("span", name="work", count=10_000)
            host.tell("tend")
        host.end()
    size = sum(path.stat().st_size for path in host.folder.glob("*.seg"))
    assert size >= 250 * MIB
    with OtlpReceiver(keep=False) as receiver:
        found = subprocess.run(
            [sys.executable, "-c", DRAIN, str(home), receiver.base],
            env=drain_environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        delivered = sum(
            len(scoped.spans)
            for got in receiver.accepted("traces")
            for group in got.message.resource_spans
            for scoped in group.scope_spans
        )
    assert delivered == SPANS
    assert int(found.stdout) * 1024 <= 60 * 10**6
