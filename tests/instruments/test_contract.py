"""What every instrument keeps to, whatever it patches: asked of each one that is registered."""

from __future__ import annotations

import contextlib
import functools
import http.client  # noqa: F401  # the instrument `http` waits until it is loaded
import inspect
import logging
import os
import pickle
import re
import sys
import threading
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.errors import ConfigError
from clientobs.instruments import registry
from clientobs.instruments.patching import Patches
from support.readback import seen

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = "/nonexistent/asked-for-by-the-contract"


class Recorder:
    """Stands under a patch: takes the calls that are ours, hands all others on."""

    def __init__(self, original: Any) -> None:
        self.original = original
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.result = object()
        self.error: BaseException | None = None

    def stub(self) -> Any:
        @functools.wraps(self.original)
        def stub(*args: Any, **kwargs: Any) -> Any:
            if args[:1] != (MARK,):
                return self.original(*args, **kwargs)
            self.calls.append((args, kwargs))
            if self.error is not None:
                raise self.error
            return self.result

        return stub


@pytest.fixture(params=sorted(registry.INSTRUMENTS))
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for owner, hook in ((sys, "excepthook"), (threading, "excepthook"), (sys, "unraisablehook")):
        monkeypatch.setattr(owner, hook, getattr(owner, f"__{hook}__"))  # pytest's, exceptiongroup's
    clientobs.init("contract", profile="minimal", instruments=[])
    yield request.param
    clientobs.shutdown()


def patched_by(name: str) -> list[tuple[Any, str]]:
    clientobs.instrument(name)
    found = [each.rpartition(".") for each in registry.active()[name].patched]
    clientobs.uninstrument(name)
    return [(owner_of(owner), attribute) for owner, _, attribute in found if owner_of(owner) is not None]


def owner_of(dotted: str) -> Any:
    if dotted in sys.modules:
        return sys.modules[dotted]
    module, _, name = dotted.rpartition(".")
    return getattr(owner_of(module), name)  # a class: threading.Thread


def test_undo_restores_the_very_objects(name: str) -> None:
    targets = patched_by(name)
    before = [vars(owner).get(attribute) for owner, attribute in targets]
    clientobs.instrument(name)
    during = [vars(owner).get(attribute) for owner, attribute in targets]
    clientobs.uninstrument(name)
    after = [vars(owner).get(attribute) for owner, attribute in targets]
    assert all(one is two for one, two in zip(before, after, strict=True))
    assert targets
    assert not any(one is two for one, two in zip(before, during, strict=True))


def test_switching_on_twice_patches_once(name: str) -> None:
    clientobs.instrument(name)
    first = registry.active()[name]
    patched = first.patched
    clientobs.instrument(name)
    first.instrument()
    assert registry.active()[name] is first
    assert first.patched == patched
    clientobs.uninstrument(name)
    clientobs.uninstrument(name)
    assert not registry.active()


def values_of(targets: list[tuple[Any, str]]) -> list[Any]:
    return [vars(owner).get(attribute) for owner, attribute in targets]


def turned_off_by_itself(name: str) -> Any:
    made: Any = registry.active()[name]
    made.turn_off()  # what its meter calls
    assert not made.on
    return made


def test_undo_restores_the_very_objects_of_one_that_turned_itself_off(name: str) -> None:
    targets = patched_by(name)
    before = values_of(targets)
    clientobs.instrument(name)
    turned_off_by_itself(name)
    clientobs.uninstrument(name)
    assert all(one is two for one, two in zip(before, values_of(targets), strict=True))


def test_the_end_of_the_runtime_undoes_one_that_turned_itself_off(name: str) -> None:
    targets = patched_by(name)
    before = values_of(targets)
    clientobs.instrument(name)
    turned_off_by_itself(name)
    clientobs.shutdown()
    assert all(one is two for one, two in zip(before, values_of(targets), strict=True))


@pytest.mark.parametrize("through", ["registry", "object"])
def test_one_that_turned_itself_off_begins_anew_on_the_originals(name: str, through: str) -> None:
    targets = patched_by(name)
    before = values_of(targets)
    clientobs.instrument(name)
    first = values_of(targets)
    rests = turned_off_by_itself(name)
    if through == "registry":
        clientobs.instrument(name)
    else:
        rests.instrument()
    assert registry.active()[name].on
    anew = values_of(targets)
    assert not any(one in (two, three) for one, two, three in zip(anew, before, first, strict=True))
    clientobs.uninstrument(name)
    assert all(one is two for one, two in zip(before, values_of(targets), strict=True))


def test_one_that_turned_itself_off_can_be_turned_on_where_its_patches_are(name: str) -> None:
    targets = patched_by(name)
    clientobs.instrument(name)
    first = values_of(targets)
    rests = turned_off_by_itself(name)
    rests.turn_on()
    assert rests.on
    assert all(one is two for one, two in zip(first, values_of(targets), strict=True))
    clientobs.uninstrument(name)
    rests.turn_on()
    assert not rests.on, "nothing of it is there any more"


def test_one_that_is_undone_while_it_comes_back_stays_off(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clientobs.instrument(name)
    rests = turned_off_by_itself(name)
    monkeypatch.setattr(rests, "_resume", rests.uninstrument)  # as another thread would in between
    rests.turn_on()
    assert not rests.on


def test_what_can_t_be_switched_on_leaves_nothing_behind(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = patched_by(name)
    before = values_of(targets)
    put_on = Patches.replace
    left = iter(range(len(targets) - 1))

    def fail_at_the_last(self: Any, *args: Any) -> None:
        if next(left, None) is None:
            raise OSError("out of something")
        put_on(self, *args)

    monkeypatch.setattr(Patches, "replace", fail_at_the_last)
    with contextlib.suppress(OSError):  # raised under tests; counted in a host
        clientobs.instrument(name)
    if name not in registry.active():  # a patch of a module that arrives is guarded by itself
        assert all(one is two for one, two in zip(before, values_of(targets), strict=True))
    clientobs.uninstrument(name)
    assert all(one is two for one, two in zip(before, values_of(targets), strict=True))


def test_the_signature_is_the_original_s(name: str) -> None:
    targets = patched_by(name)
    before = [signature_of(getattr(owner, attribute)) for owner, attribute in targets]
    clientobs.instrument(name)
    assert [signature_of(getattr(owner, attribute)) for owner, attribute in targets] == before


def signature_of(function: Any) -> str:
    try:
        return str(inspect.signature(function))
    except ValueError:
        return "none"


def test_names_and_docstrings_are_the_original_s(name: str) -> None:
    for owner, attribute in patched_by(name):
        original = getattr(owner, attribute)
        clientobs.instrument(name)
        wrapper = getattr(owner, attribute)
        for what in ("__name__", "__qualname__", "__doc__", "__module__"):
            if hasattr(original, what):  # a hook may be any object that can be called
                assert getattr(wrapper, what) == getattr(original, what), (attribute, what)
        clientobs.uninstrument(name)


def test_a_wrapper_goes_to_a_pool_of_processes_by_its_name(name: str) -> None:
    clientobs.instrument(name)
    for owner, attribute in [
        (owner_of(d.rpartition(".")[0]), d.rpartition(".")[2]) for d in registry.active()[name].patched
    ]:
        wrapper = getattr(owner, attribute)
        back = pickle.loads(pickle.dumps(wrapper))
        # threading.excepthook is known to pickle as _thread._excepthook, which nobody patches
        assert back == wrapper or wrapper.__name__.startswith("_") or attribute.startswith("_"), attribute


def test_a_wrapper_kept_in_a_class_is_called_as_the_original_is(name: str) -> None:
    for owner, attribute in patched_by(name):
        original = getattr(owner, attribute)
        clientobs.instrument(name)
        binds = type("Keeper", (), {"kept": getattr(owner, attribute)})().kept is not getattr(
            owner, attribute
        )
        clientobs.uninstrument(name)
        assert binds == (type("Keeper", (), {"kept": original})().kept is not original), attribute


@pytest.mark.parametrize("inside_a_span", [False, True])
def test_each_call_reaches_the_original_once_and_brings_back_its_result(
    name: str, inside_a_span: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for owner, attribute in patched_by(name):
        recorder = Recorder(getattr(owner, attribute))
        with monkeypatch.context() as patch:
            patch.setattr(owner, attribute, recorder.stub())
            result = called(name, owner, attribute, inside_a_span=inside_a_span)
        assert result is recorder.result, attribute
        assert len(recorder.calls) == 1, attribute
        assert recorder.calls[0][0][0] == MARK


def called(name: str, owner: Any, attribute: str, *, inside_a_span: bool) -> Any:
    clientobs.instrument(name)
    try:
        if not inside_a_span:
            return getattr(owner, attribute)(MARK)
        with clientobs.span("contract"):
            return getattr(owner, attribute)(MARK)
    finally:
        clientobs.uninstrument(name)


@pytest.mark.parametrize("error", [PermissionError(13, "no", MARK), KeyError("x"), KeyboardInterrupt()])
def test_an_exception_passes_unchanged_with_one_frame_of_ours(
    name: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    for owner, attribute in patched_by(name):
        recorder = Recorder(getattr(owner, attribute))
        recorder.error = error
        with monkeypatch.context() as patch:
            patch.setattr(owner, attribute, recorder.stub())
            clientobs.instrument(name)
            try:
                with pytest.raises(type(error)) as caught:
                    getattr(owner, attribute)(MARK)
            finally:
                clientobs.uninstrument(name)
        assert caught.value is error
        # this function, the wrapper, the stub; pytest's own frames stand above
        assert len(caught.traceback) <= 3, attribute
        assert error.__context__ is None
        error.__traceback__ = None


def test_a_patch_on_top_of_ours_lives_on_after_undo(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for owner, attribute in patched_by(name):
        recorder = Recorder(getattr(owner, attribute))
        with monkeypatch.context() as patch:
            patch.setattr(owner, attribute, recorder.stub())
            clientobs.instrument(name)
            below = getattr(owner, attribute)
            patch.setattr(owner, attribute, lambda *args, below=below: ("foreign", below(*args)))
            foreign = getattr(owner, attribute)
            clientobs.uninstrument(name)
            assert getattr(owner, attribute) is foreign, attribute
            with clientobs.span("after"):
                assert foreign(MARK) == ("foreign", recorder.result)


def test_an_unknown_name_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ConfigError, match=r"no instrument 'file'; known: .*files"):
        clientobs.instrument("file")


def test_the_profile_minimal_has_logs_and_patches_nothing_else(home: Path) -> None:
    before = (open, os.stat, os._exit, sys.excepthook, threading.Thread.start)
    clientobs.init("quiet", profile="minimal")
    assert (open, os.stat, os._exit, sys.excepthook, threading.Thread.start) == before
    assert list(registry.active()) == ["logs"]
    logging.getLogger("studio").warning("no plate")
    clientobs.shutdown()
    assert [log.body for log in seen(home).logs if not log.event_name] == ["no plate"]


def test_instruments_that_are_named_hold_in_each_profile() -> None:
    for profile in ("minimal", "standard"):
        clientobs.init("quiet", profile=profile, instruments=["files"])
        assert list(registry.active()) == ["files"], profile
        clientobs.shutdown()
        clientobs.init("quiet", profile=profile, instruments=[])
        assert list(registry.active()) == [], profile
        clientobs.shutdown()


def test_its_entry_point_switches_it_on_and_off(name: str) -> None:
    declared = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    (place,) = re.findall(rf'^clientobs_{name} = "([\w.]+:\w+)"$', declared, re.MULTILINE)
    instrumentor = EntryPoint(name, place, "opentelemetry_instrumentor").load()()
    assert name not in registry.active()
    instrumentor.instrument()
    assert name in registry.active()
    instrumentor.uninstrument()
    assert name not in registry.active()
