"""The SDK's resource detectors: they cost nothing until somebody runs one, and then they work."""

from __future__ import annotations

import sys

from support.programs import answer_of

# Python 3.10's own `platform`, which the SDK's `uuid` needs, imports subprocess.
NAMES = ["psutil", "socket", *(["subprocess"] if sys.version_info >= (3, 11) else [])]


def test_what_only_detectors_use_is_not_loaded_with_the_sdk() -> None:
    answer = answer_of(f"""
        import json, sys
        import clientobs
        assert clientobs.init("tool", instruments=[]).running
        print(json.dumps([name for name in {NAMES!r} if name in sys.modules]))
    """)
    assert answer == []


def test_a_detector_that_is_run_gets_the_real_modules() -> None:
    answer = answer_of("""
        import json, sys
        import clientobs
        clientobs.init("tool", instruments=[])
        from opentelemetry.sdk import resources
        host = resources._HostResourceDetector().detect().attributes["host.name"]
        pid = resources.ProcessResourceDetector(raise_on_error=True).detect().attributes["process.pid"]
        import os, socket
        print(json.dumps([host == socket.gethostname(), pid == os.getpid()]))
    """)
    assert answer == [True, True]


def test_everybody_else_imports_the_real_modules_meanwhile() -> None:
    # A module that the SDK's module imports, and another thread: both at the time when the stand-ins are handed out.
    answer = answer_of("""
        import builtins, json, sys, threading
        seen = {}
        real = builtins.__import__
        def spying(name, *args, **kwargs):
            if name == "opentelemetry.semconv.resource" and "thread" not in seen:
                def load():
                    import psutil
                    seen["thread"] = type(psutil).__name__
                other = threading.Thread(target=load)
                other.start()
                other.join()
            return real(name, *args, **kwargs)
        builtins.__import__ = spying
        import clientobs
        clientobs.init("tool", instruments=[])
        from opentelemetry.sdk import resources
        stand_ins = sorted(name for name, module in sys.modules.items() if type(module).__name__ == "_StandIn")
        print(json.dumps([seen, stand_ins, type(resources.socket).__name__]))
    """)
    assert answer == [{"thread": "module"}, [], "_StandIn"]


def test_the_import_system_is_as_it_was_afterwards() -> None:
    answer = answer_of("""
        import json, sys
        before = list(sys.meta_path)
        import clientobs
        clientobs.init("tool", instruments=[], hangs={"enabled": False})  # nobody waits for a module
        from opentelemetry.sdk import resources
        loader = type(resources.__spec__.loader).__name__
        print(json.dumps([sys.meta_path == before, loader, resources.__loader__ is resources.__spec__.loader]))
    """)
    assert answer == [True, "SourceFileLoader", True]


def test_an_sdk_that_is_loaded_already_stays_as_it_is() -> None:
    answer = answer_of("""
        import json
        from opentelemetry.sdk import resources
        import clientobs
        clientobs.init("tool", instruments=[])
        print(json.dumps(type(resources.socket).__name__))
    """)
    assert answer == "module"
