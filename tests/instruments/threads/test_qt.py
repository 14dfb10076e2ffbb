"""QThread and QThreadPool: the context goes along, and Qt's own ways with these methods stay."""

from __future__ import annotations

import pytest

from support.qt import answer_of_qt, bindings

CLASSES = """
seen = []
class Thread(core.QThread):
    def run(self): seen.append(current())
class Task(core.QRunnable):
    def run(self): seen.append(current())
pool = core.QThreadPool.globalInstance()
"""


@bindings()
@pytest.mark.parametrize("order", ["early", "late"])
def test_a_thread_and_a_task_go_on_in_the_span_they_were_started_in(binding: str, order: str) -> None:
    program = """
with clientobs.span("publish") as publish:
    thread = Thread()
    thread.start(); thread.wait()
    pool.start(Task()); pool.waitForDone()
    assert pool.tryStart(Task()); pool.waitForDone()
    kept = Task(); kept.setAutoDelete(False); pool.start(kept); pool.waitForDone()
inside = seen == [id_of(publish)] * 4
del seen[:]
thread.start(); thread.wait()
pool.start(Task()); pool.waitForDone()
print(json.dumps([inside, seen, "run" in vars(thread), "run" in vars(kept)]))
"""
    assert answer_of_qt(binding, CLASSES + program, order) == [True, [0, 0], False, False]


@bindings()
def test_a_function_given_to_a_pool_has_the_context(binding: str) -> None:
    program = """
answer = [True]
if binding != "PySide2":  # it takes none
    with clientobs.span("publish") as publish:
        pool.start(lambda: seen.append(current())); pool.waitForDone()
    answer = [seen == [id_of(publish)]]
print(json.dumps(answer))
"""
    assert answer_of_qt(binding, CLASSES + program) == [True]


@bindings()
def test_a_thread_started_by_a_signal_later_has_not_the_context_of_the_connection(binding: str) -> None:
    program = """
class Button(core.QObject):
    clicked = Signal(bool)
button, thread = Button(), Thread()
with clientobs.span("build the window"):
    button.clicked.connect(thread.start)
time.sleep(1.1)  # the bound of what counts as one call
button.clicked.emit(True); thread.wait()
print(json.dumps(seen))
"""
    assert answer_of_qt(binding, CLASSES + program) == [0]


@bindings()
def test_errors_are_the_bindings_own(binding: str) -> None:
    program = """
calls = [lambda: core.QThread().start("no"), lambda: core.QThread.start(3), lambda: pool.start(12),
         lambda: pool.start(Task(), "no"), lambda: pool.tryStart(None, 1, 2), lambda: pool.start()]
with clientobs.span("publish") if "bare" not in sys.argv else open(os.devnull):
    print(json.dumps([text_of(call) for call in calls]))
"""
    ours = answer_of_qt(binding, CLASSES + program)
    assert ours == answer_of_qt(binding, CLASSES + program, "bare")
    assert "TypeError" in ours[0]


@bindings()
def test_neither_the_thread_nor_the_span_is_kept(binding: str) -> None:
    program = """
def work():
    with clientobs.span("publish") as publish:
        thread = Thread()
        thread.start(); thread.wait()
        never = Thread()
        never.start  # reached for, and never called
        task = Task(); task.setAutoDelete(False)
        pool.start(task); pool.waitForDone()
    return [weakref.ref(each) for each in (thread, publish)], never, task
(thread, publish), never, task = work()
gc.collect()
answer = [thread() is None, "run" in vars(task)]
del never
gc.collect()
print(json.dumps([*answer, publish() is None]))
"""
    assert answer_of_qt(binding, CLASSES + program) == [True, False, True]


@bindings()
def test_a_run_of_the_programs_own_on_the_object_stays(binding: str) -> None:
    program = """
thread = Thread()
def own(): seen.append("own")
thread.run = own
with clientobs.span("publish"):
    thread.start(); thread.wait()
print(json.dumps([seen, thread.run is own]))
"""
    assert answer_of_qt(binding, CLASSES + program) == [["own"], True]


@bindings()
def test_undo_restores_the_very_methods(binding: str) -> None:
    program = """
clientobs.uninstrument()
before = [vars(core.QThread)["start"], vars(core.QThreadPool)["start"], vars(core.QProcess)["start"]]
clientobs.instrument()
during = [vars(core.QThread)["start"], vars(core.QThreadPool)["start"], vars(core.QProcess)["start"]]
clientobs.uninstrument()
after = [vars(core.QThread)["start"], vars(core.QThreadPool)["start"], vars(core.QProcess)["start"]]
print(json.dumps([all(a is b for a, b in zip(before, after)), any(a is b for a, b in zip(before, during))]))
"""
    assert answer_of_qt(binding, program) == [True, False]


@bindings()
def test_a_failing_run_has_one_frame_of_ours(binding: str) -> None:
    program = """
import traceback
names = []
def hook(kind, error, trace): names.extend(frame.f_code.co_name for frame, _ in traceback.walk_tb(trace))
sys.excepthook = hook
class Failing(core.QRunnable):
    def run(self): raise ValueError("of the program")
if binding != "PySide2":  # that of today's Pythons stops at any exception there, without us too
    with clientobs.span("publish"):
        pool.start(Failing()); pool.waitForDone()
print(json.dumps(names))
"""
    assert answer_of_qt(binding, CLASSES + program) in ([], ["__call__", "run"])
