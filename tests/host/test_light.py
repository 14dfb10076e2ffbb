"""What a host does not pay for: modules, sockets, randomness, output."""

from __future__ import annotations

import pytest

from support.programs import answer_of, run_program

RECORD = """
import clientobs
clientobs.init("tool", version="1")
with clientobs.context(project="demo", shot="sh010"):
    for number in range(20):
        with clientobs.span("work", number=number):
            clientobs.event("step", "one more")
"""

HEAVY = [
    "google.protobuf",
    "grpc",
    "requests",
    "urllib3",
    "http.client",
    "multiprocessing",
    "asyncio",
    "ssl",
    "socket",
    "_hashlib",
    "shutil",
    "psutil",
    "wrapt",
    "rich",
    "opentelemetry.sdk.metrics",
    "opentelemetry.exporter",
]


def test_importing_clientobs_imports_nothing_of_opentelemetry_and_starts_nothing() -> None:
    answer = answer_of("""
        import sys, threading, json
        before = set(sys.modules)
        import clientobs
        new = sorted(name for name in set(sys.modules) - before if not name.startswith("clientobs"))
        print(json.dumps([new, threading.active_count(), sys.meta_path == list(sys.meta_path)]))
    """)
    assert answer == [["__future__"], 1, True]


def test_recording_loads_no_heavy_module_and_opens_no_socket() -> None:
    answer = answer_of(f"""
        import json, sys
        opened = []
        sys.addaudithook(lambda event, args: opened.append(event) if event.startswith("socket.") else None)
        {RECORD.replace(chr(10), chr(10) + " " * 8)}
        clientobs.shutdown()
        heavy = [name for name in {HEAVY!r} if name in sys.modules]
        print(json.dumps([heavy, opened]))
    """)
    assert answer == [[], []]


def test_recording_scans_no_search_path_for_entry_points() -> None:
    answer = answer_of(f"""
        import json, sys
        listed = []
        def hook(event, args):
            if event in ("os.listdir", "os.scandir") and str(args[0]).endswith("site-packages"):
                listed.append((str(args[0]), sys._getframe(1).f_globals.get("__name__")))
        sys.addaudithook(hook)
        {RECORD.replace(chr(10), chr(10) + " " * 8)}
        clientobs.shutdown()
        print(json.dumps([one for one in listed if "importlib" not in str(one[1]) or "metadata" in str(one[1])]))
    """)
    # One look at the names of installed packages is ours: runtime/packages.py.
    ours = {"clientobs.runtime.packages"}
    assert {name for _, name in answer} <= ours
    assert len({folder for folder, _ in answer}) == len(answer)


def test_no_dataclass_of_ours_is_compiled_in_a_host() -> None:
    # The standard decorator writes source for each class, and has `inspect` parse a signature for its docstring.
    answer = answer_of(f"""
        import json, sys
        {RECORD.replace(chr(10), chr(10) + " " * 8)}
        kinds = {{
            kind
            for name, module in list(sys.modules.items()) if name.split(".")[0] == "clientobs"
            for kind in list(vars(module).values())
            if isinstance(kind, type) and kind.__module__ == name and "__dataclass_fields__" in vars(kind)
        }}
        compiled = [str(kind) for kind in kinds if kind.__init__.__code__.co_filename == "<string>"]
        parsed = [str(kind) for kind in kinds if (kind.__doc__ or "").startswith(kind.__name__ + "(")]
        print(json.dumps([len(kinds) > 40, compiled, parsed]))
    """)
    assert answer == [True, [], []]


@pytest.mark.parametrize("seed", [7, "shot"])
def test_a_seeded_random_gives_the_same_sequence_and_ids_never_repeat(seed: object) -> None:
    program = f"""
        import json, random, sys
        import clientobs
        if sys.argv[1] == "on":
            clientobs.init("tool")
        ids, numbers = [], []
        for _ in range(3):
            random.seed({seed!r})
            for _ in range(5):
                with clientobs.span("work"):
                    ids.append(clientobs.trace_id())
                    clientobs.counter("c").add(1, k=1)
                    clientobs.histogram("h").record(1.5)
                    clientobs.event("e")
                    numbers.append(random.random())
        clientobs.flush(0)
        numbers.append(random.random())
        clientobs.shutdown()
        numbers.append(random.random())
        print(json.dumps([numbers, ids]))
    """
    (numbers, ids), (expected, _) = answer_of(program, "on"), answer_of(program, "off")
    assert numbers == expected
    assert len(set(ids)) == len(ids) == 15


def test_nothing_is_printed_even_where_opentelemetry_has_something_to_say() -> None:
    done = run_program("""
        import clientobs
        clientobs.init("tool")
        from opentelemetry import trace
        with clientobs.span("work") as span:
            span.set_attribute("", 1)
            span.set_attribute("bad", object())
            span.set_attribute(3, "key")
        span.end()
        span.set_attribute("late", 1)
        span.set_status("nonsense")
        trace.set_tracer_provider(trace.NoOpTracerProvider())
        trace.set_tracer_provider(trace.NoOpTracerProvider())
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_warnings_and_filters_of_the_host_stay() -> None:
    done = run_program(
        """
        import warnings, clientobs
        before = warnings.filters[:]
        clientobs.init("tool")
        from opentelemetry import trace
        trace.get_tracer("library").start_span("x").end()
        foreign = [item for item in warnings.filters if not item[2].__module__.startswith("opentelemetry.")]
        assert foreign == before, set(foreign) - set(before)
        assert {item[0] for item in warnings.filters if item not in foreign} == {"ignore"}
        """,
        flags=("-W", "error"),
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_switched_off_means_no_sdk_no_thread_no_file(tmp_path: object) -> None:
    for variable, value in (("CLIENTOBS_DISABLED", "1"), ("OTEL_SDK_DISABLED", "true")):
        answer = answer_of(
            """
            import json, os, sys, threading, clientobs
            runtime = clientobs.init("tool")
            with clientobs.span("x"):
                clientobs.event("e")
            print(json.dumps([runtime.running, runtime.reason, "opentelemetry" in sys.modules,
                              threading.active_count(), os.path.exists(os.environ["CLIENTOBS_HOME"]),
                              os._exit.__module__]))
            """,
            environ={variable: value},
        )
        assert answer == [False, f"switched off by {variable}", False, 1, False, "posix"]
