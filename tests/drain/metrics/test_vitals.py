from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psutil

from clientobs._loss import LossLedger
from clientobs.drain.metrics.aggregate import Aggregator
from clientobs.drain.metrics.vitals import MACHINE, Vitals

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from clientobs._guarded import Faults


def totals(machine: Aggregator) -> dict[str, dict[str, Any]]:
    exports, _ = machine.collect(10**18)
    return {
        export.metric[1]: {"".join(map(str, point[0].values())): point[1] for point in export.metric[6]}
        for export in exports
    }


def test_levels_stand_at_what_the_machine_has_and_counters_at_what_was_added(tmp_path: Path) -> None:
    machine = Aggregator(loss=LossLedger())
    vitals = Vitals(folder=str(tmp_path))
    for time_ns in (1, 2, 3):
        machine.add(MACHINE, {}, vitals.read(time_ns), {})
    found = totals(machine)
    assert found["system.memory.limit"][""] == psutil.virtual_memory().total
    assert found["system.cpu.logical.count"][""] == psutil.cpu_count()
    assert 0 <= found["system.memory.utilization"][""] <= 1
    assert all(0 <= share <= 1 for share in found["system.cpu.utilization"].values())
    assert 0 <= found["system.network.io"]["receive"] <= psutil.net_io_counters().bytes_recv
    assert machine.cost <= 30


def test_a_counter_that_fell_is_left_out_until_it_rises_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = [0]
    real = psutil.net_io_counters()
    monkeypatch.setattr(psutil, "net_io_counters", lambda: real._replace(bytes_recv=received[0]))
    machine = Aggregator(loss=(loss := LossLedger()))
    vitals = Vitals(folder=str(tmp_path))
    for time_ns, received[0] in enumerate((100, 150, 20, 25), start=1):
        machine.add(MACHINE, {}, vitals.read(time_ns), {})
    assert totals(machine)["system.network.io"]["receive"] == 55
    assert loss.totals() == {}


def test_what_cannot_be_read_is_left_out_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lenient_faults: Faults
) -> None:
    def missing() -> None:
        raise OSError("no /proc/swaps here")

    monkeypatch.setattr(psutil, "swap_memory", missing)
    names = [metric[1] for metric in Vitals(folder=str(tmp_path)).read(1)]
    assert "system.paging.usage" not in names
    assert "system.memory.usage" in names
    assert lenient_faults.counts() == {"drain.vitals": 1}
