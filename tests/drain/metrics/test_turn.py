"""One drain of a machine measures it, also among users who don't trust one another."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clientobs.drain.metrics.turn import MachineTurn
from clientobs.drain.service import service as service_module
from support.drain_process import drain_environment
from support.drains import config_for, make_service
from support.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.otlp_receiver import OtlpReceiver

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="flock")

HOLDER = """
import os, sys
from clientobs.drain.metrics.turn import MachineTurn
turn = MachineTurn(sys.argv[1])
print(turn.take(), flush=True)
if "fork" in sys.argv and not os.fork():
    os.write(1, b"forked\\n")
sys.stdin.read()
"""


class Holder:
    """Another process that asks for the turn."""

    def __init__(self, path: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path), *arguments],
            env=drain_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        """Kill it; a child that it forked ends with its input."""
        self.process.kill()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.wait()

    def close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def turn(tmp_path: Path) -> Iterator[MachineTurn]:
    made = MachineTurn(str(tmp_path / "turn"))
    yield made
    made.close()


def test_one_holds_it_until_it_dies(turn: MachineTurn, tmp_path: Path) -> None:
    holder = Holder(tmp_path / "turn")
    assert holder.said() == "True"
    assert not turn.take()
    assert not turn.is_held
    holder.end()
    assert turn.take()
    assert turn.take()
    holder.close()


def test_a_child_that_the_holder_forked_does_not_keep_it(turn: MachineTurn, tmp_path: Path) -> None:
    holder = Holder(tmp_path / "turn", "fork")
    assert {holder.said(), holder.said()} == {"True", "forked"}
    holder.end()
    assert turn.take()
    holder.close()


def test_given_back_it_is_anybodys(turn: MachineTurn, tmp_path: Path) -> None:
    assert turn.take()
    turn.give_back()
    holder = Holder(tmp_path / "turn")
    assert holder.said() == "True"
    holder.end()
    holder.close()


def test_a_file_that_was_swept_away_is_made_anew(turn: MachineTurn, tmp_path: Path) -> None:
    assert turn.take()
    (tmp_path / "turn").unlink()
    holder = Holder(tmp_path / "turn")
    assert holder.said() == "True"
    assert not turn.take()  # what is held has no name any more
    holder.end()
    assert turn.take()
    holder.close()


def test_whatever_the_umask_others_may_read_it_and_nobody_may_write(
    turn: MachineTurn, tmp_path: Path
) -> None:
    before = os.umask(0o077)
    try:
        assert turn.take()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "turn").stat().st_mode) == 0o644


@pytest.mark.parametrize("planted", ["link", "dangling", "pipe", "folder"])
def test_what_somebody_planted_there_is_refused_and_left_as_it_is(
    turn: MachineTurn, tmp_path: Path, planted: str
) -> None:
    target = tmp_path / "target"
    place = tmp_path / "turn"
    if planted == "link":
        target.write_text("theirs")
    if planted in ("link", "dangling"):
        place.symlink_to(target)
    elif planted == "pipe":
        os.mkfifo(place)
    else:
        place.mkdir()
    with pytest.raises(OSError, match=r"turn"):
        turn.take()
    assert not turn.is_held
    assert (target.read_text() if planted == "link" else target.exists()) in ("theirs", False)


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="needs another user's file")
def test_another_users_file_serves(turn: MachineTurn, tmp_path: Path) -> None:
    (tmp_path / "turn").touch(0o644)
    os.chown(tmp_path / "turn", 4711, 4711)
    os.chmod(tmp_path, 0o1777)  # as /var/tmp is: fs.protected_regular refuses to create what is there
    assert turn.take()


def test_the_drain_of_a_second_user_measures_once_the_first_has_no_live_run(
    tmp_path: Path, receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "VITALS_INTERVAL", 0.0)
    lock = str(tmp_path / "turn")
    homes = [tmp_path / "anna", tmp_path / "ben"]
    with Recorder(homes[0]) as one, Recorder(homes[1]) as two:
        for host in (one, two):
            host.tell("span", name="work")
        first, second = (
            make_service(home, config_for(receiver.base), turn=MachineTurn(lock)) for home in homes
        )
        for service in (first, second):
            service.step()
        assert (first._duties.measures, second._duties.measures) == (True, False)
        one.end()
        for service in (first, second):
            service.look_around()
            service.step()
        assert (first._duties.measures, second._duties.measures) == (False, True)
        first.close()
        second.close()


def test_where_users_have_no_place_in_common_one_drain_of_a_home_measures(
    tmp_path: Path, receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "VITALS_INTERVAL", 0.0)
    nowhere = str(tmp_path / "missing" / "turn")
    home = tmp_path / "home"
    with Recorder(home, destination="1" * 32) as one, Recorder(home, destination="2" * 32) as two:
        for host in (one, two):
            host.tell("span", name="work")
        services = [
            make_service(home, config_for(receiver.base), number * 32, turn=MachineTurn(nowhere))
            for number in "12"
        ]
        for service in services:
            service.step()
        assert [service._duties.measures for service in services] == [True, False]
        for service in services:
            service.close()
