"""Hosts that close descriptors which they take for their own: no byte and no close of ours meets a file of theirs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from support.programs import answer_of, run_program
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform != "win32":
    import fcntl

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="reads /proc, and closes numbers as Linux has them"
)

START = "import clientobs; runtime = clientobs.init('tool'); assert runtime.running, runtime.reason\n"


@pytest.mark.parametrize("last", [256, 65536])
def test_descriptors_closed_by_the_host_cost_and_corrupt_nothing(
    last: int, home: Path, tmp_path: Path
) -> None:
    scene = tmp_path / "scene.ma"
    done = run_program(
        f"""
import os, sys
{START}
with clientobs.span('before'):
    pass
os.closerange(3, {last})
files = [open(sys.argv[1], 'wb', 0) for _ in range(8)]
for number in (901, 902, 903, 904):
    os.dup2(files[0].fileno(), number)
for number in range(100):
    with clientobs.span('after', number=number):
        pass
""",
        str(scene),
    )
    assert done.returncode == 0, done.stderr
    assert scene.read_bytes() == b""
    records = seen(home)
    assert len([span for span in records.spans if span.name == "after"]) == 100


CLOSES_AND_OPENS = f"""
import json, os, sys, threading
from clientobs import _procfs
from clientobs.journal.runs import list_runs
from clientobs.paths import mounts_linux
from clientobs.record.vitals import vitals
{START}
sys.setswitchinterval(1e-5)
folder, rounds, home = sys.argv[1], int(sys.argv[2]), os.environ['CLIENTOBS_HOME']
harm, looks, failed, over = [], 0, [], threading.Event()

def chores():  # what the keeper does in a day, and more
    global looks
    main = threading.main_thread().native_id
    while not over.is_set():
        for chore in runtime._parts.keeper._chores:
            chore.do()
        if list_runs(home + '/v1')[0].state != 'alive' or not vitals() or not mounts_linux.read():
            failed.append('an empty answer')
        for ask in (_procfs.moved, _procfs.processor_seconds, _procfs.wanted_seconds):
            if ask('self', main) is None:
                failed.append(ask.__name__)
        looks += 1

def work():
    try:
        chores()
    except Exception as error:
        failed.append(repr(error))

def look(descriptor, identity, number):
    try:
        if os.fstat(descriptor).st_ino != identity:
            harm.append([number, 'another file'])
        else:
            os.pwrite(descriptor, b'theirs', 0)
    except OSError as error:
        harm.append([number, repr(error)])

worker = threading.Thread(target=work, daemon=True)
worker.start()
number = 0
while (number < rounds or looks < 20) and not failed and not harm:
    number += 1
    os.closerange(3, 256)
    scenes = []
    for name in range(4):
        path = folder + '/scene' + str(name)
        scenes.append((os.open(path, os.O_RDWR | os.O_CREAT, 0o600), os.stat(path).st_ino))
    for scene in scenes * 4:
        look(*scene, number)
over.set()
worker.join(20)
contents = {{open(folder + '/' + name).read() for name in os.listdir(folder)}}
print(json.dumps([harm[:3], failed[:3], sorted(contents)]))
"""


def harm_of(folder: Path, rounds: int) -> object:
    """Run a host that closes what it takes for its own and opens its scenes, beside a keeper that never rests."""
    folder.mkdir()
    done = run_program(CLOSES_AND_OPENS, str(folder), str(rounds), timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_busy_keeper_neither_closes_nor_fills_what_the_host_opens(tmp_path: Path) -> None:
    assert harm_of(tmp_path / "scenes", 1_000) == [[], [], ["theirs"]]


@pytest.mark.torture
@pytest.mark.timeout(400)
def test_nor_in_fifty_thousand_rounds(tmp_path: Path) -> None:
    assert harm_of(tmp_path / "scenes", 50_000) == [[], [], ["theirs"]]


def test_ours_live_high_and_are_not_inherited() -> None:
    answer = answer_of(f"""
import json, os, fcntl
{START}
ours = [int(name) for name in os.listdir('/proc/self/fd')
        if os.environ['CLIENTOBS_HOME'] in os.path.realpath('/proc/self/fd/' + name)]
flags = []
for descriptor in ours:
    try:
        flags.append(fcntl.fcntl(descriptor, fcntl.F_GETFD))
    except OSError:
        pass  # one that the keeper had only for a moment
print(json.dumps([sorted(ours), flags]))
""")
    assert len(answer[0]) >= 2
    assert min(answer[0]) >= 900
    assert set(answer[1]) == {fcntl.FD_CLOEXEC}
