"""What the keeper's thread must leave alone: modules, and the end of a program."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import pytest

from clientobs.config.model import Config, DeliveryConfig, DrainConfig, EndpointConfig
from clientobs.runtime import delivery as runtime_delivery
from clientobs.runtime.delivery import Delivery
from support.programs import answer_of

if TYPE_CHECKING:
    from clientobs.journal.home import Home

NOWHERE = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    "CLIENTOBS_EXIT_FLUSH": "0",
}


@pytest.mark.usefixtures("drains")
def test_no_thread_of_ours_imports_a_module() -> None:
    # CPython's own test suite goes through sys.modules, and failed where a thread of ours added to it.
    answer = answer_of(
        """
        import json, os, signal, sys, threading, time
        found = []
        def hook(event, args):
            if event == "import" and threading.current_thread() is not threading.main_thread():
                found.append(args[0])
        sys.addaudithook(hook)
        import clientobs
        runtime = clientobs.init("tool")
        with clientobs.span("work"):
            open(os.devnull).close()
        chores = runtime._parts.keeper._chores
        first = {chore.name: chore.due for chore in chores}
        until = time.monotonic() + 30
        while time.monotonic() < until and any(chore.due == first[chore.name] for chore in chores if chore.every < 3):
            time.sleep(0.05)
        due = [chore.name for chore in chores if chore.due == first[chore.name] and chore.every < 3]
        last = runtime._parts.delivery.last
        print(json.dumps([found, due, type(last).__name__]))
        """,
        environ=NOWHERE,
    )
    assert answer == [[], [], "Started"]


@pytest.mark.usefixtures("drains")
def test_the_look_for_a_drain_begins_before_the_rest_is_built() -> None:
    answer = answer_of(
        """
        import json, threading
        from clientobs.runtime.delivery import Delivery
        begun, seen = threading.Event(), []
        Delivery.ensure = lambda self: begun.set()
        from clientobs.runtime import start
        build = start._Builder._resource
        def resource(self):
            seen.append(begun.wait(20))
            return build(self)
        start._Builder._resource = resource
        import clientobs
        clientobs.init("tool")
        print(json.dumps(seen))
        """,
        environ=NOWHERE,
    )
    assert answer == [True]


def test_a_program_does_not_wait_at_its_end_for_a_look_that_takes_long() -> None:
    endpoint = EndpointConfig(url="http://127.0.0.1:9")
    delivering = Delivery(
        config=Config(delivery=DeliveryConfig(traces=endpoint), drain=DrainConfig(mode="process")),
        home=cast("Home", None),
        destination="key",
        environ={},
        exit_flush=0.0,
        is_network=lambda _path: False,
    )
    begin = time.monotonic()
    delivering.see_off()  # nobody has looked, and nobody will

    assert time.monotonic() - begin < 5
    assert runtime_delivery._START_PATIENCE <= 0.025, (
        "exit costs at most 50 ms, and there is more to do in it"
    )


@pytest.mark.usefixtures("drains")
def test_a_build_that_fails_leaves_no_thread_behind() -> None:
    answer = answer_of(
        """
        import json, threading, time
        from clientobs.runtime import start
        def broken(self):
            raise RuntimeError("broken")
        start._Builder._resource = broken
        import clientobs
        from clientobs import _fork
        clientobs.init("tool")
        until = time.monotonic() + 20
        while threading.active_count() > 1 and time.monotonic() < until:
            time.sleep(0.01)
        print(json.dumps([threading.active_count(), len(_fork._ahead), len(_fork._afterwards)]))
        """,
        environ=NOWHERE,
    )
    assert answer == [1, 0, 0]
