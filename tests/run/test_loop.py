"""The loop that every long run shares: claim, do, note, report; what is finished is kept."""

from __future__ import annotations

import threading
import warnings

import pytest

from m3leo_sar.run.loop import Answer, Here, Loop, Outcome, reason_of
from m3leo_sar.run.thread_pool import ThreadPool


def done(name: str, **facts: object) -> Outcome:
    return Outcome(identifier=name, state="done", counts={"dem": 2}, **facts)


def executors(do, workers=3):
    return Here(do), ThreadPool(do, workers=workers, stopping=threading.Event())


@pytest.mark.parametrize("which", [0, 1])
def test_every_job_is_done_noted_and_reported_once(which):
    noted, reported = [], []
    loop = Loop(note=lambda job, answer: noted.append(job), report=lambda outcome: reported.append(outcome.identifier))

    def claim():
        for name in "abcdefg":
            if name == "c":
                loop.present(name, 5)
            else:
                yield name

    states = {"d": "skipped", "e": "failed"}

    def do(name):
        if name in states:
            return Answer([Outcome(identifier=name, state=states[name], reason="why")])
        return Answer([done(name, reason="remark" if name == "f" else "")])

    summary = loop.over(claim(), executors(do)[which])
    assert sorted(noted) == list("abdefg")
    assert sorted(reported) == list("abcdefg")
    assert (summary.done, summary.computed, summary.present) == (4, {"dem": 8}, 5)
    assert (summary.skipped, summary.failed, summary.notes) == ({"d": "why"}, {"e": "why"}, {"f": "remark"})


@pytest.mark.parametrize("which", [0, 1])
def test_each_cause_of_warnings_is_issued_and_logged_once(which):
    barrier = threading.Barrier(2, timeout=30) if which else None

    def do(name):
        if barrier:
            # Both threads are inside their jobs.
            barrier.wait()
        warnings.warn(f"a lossy file, such as {name}", stacklevel=1)
        warnings.warn(f"only {name}", stacklevel=1)
        warnings.warn("not about input", RuntimeWarning, stacklevel=1)
        return Answer([done(name)], warnings=("by the worker",))

    logged = []
    loop = Loop(warned=logged.append)
    with pytest.warns() as heard:
        loop.over(iter("abcd"), executors(do, workers=2)[which])
    texts = [str(warning.message) for warning in heard if warning.category is UserWarning]
    assert texts == logged
    assert len(texts) == 6
    assert {"by the worker", *(f"only {name}" for name in "abcd")} < set(texts)
    assert {warning.category for warning in heard} == {UserWarning, RuntimeWarning}


@pytest.mark.parametrize("which", [0, 1])
def test_a_fatal_answer_is_noted_and_ends_the_run(which):
    noted = []

    def do(name):
        if name == "b":
            return Answer([Outcome(identifier=name, state="failed", reason="full")], fatal="disk is full")
        return Answer([done(name)])

    loop = Loop(note=lambda job, answer: noted.append(job))
    with pytest.raises(OSError, match="^disk is full; finished work is kept, run again to continue$"):
        loop.over(iter("abcdefgh"), executors(do, workers=1)[which])
    assert noted[:2] == ["a", "b"]
    assert len(noted) == len(set(noted)) < 4
    assert loop.summary.failed == {"b": "full"}


def test_a_ledger_that_takes_no_row_does_not_hide_why():
    def note(job, answer):
        raise OSError("no row")

    with pytest.raises(OSError, match="^disk is full"):
        Loop(note=note).over(["a"], Here(lambda name: Answer([], fatal="disk is full")))
    with pytest.raises(OSError, match="^no row$"):
        Loop(note=note).over(["a"], Here(lambda name: Answer([done(name)])))


def test_an_interruption_keeps_what_threads_have_finished():
    """Ctrl-C while the second job is noted: what has begun is noted too, once, and the rest is not begun."""
    noted, begun = [], []

    def do(name):
        begun.append(name)
        return Answer([done(name)])

    def note(job, answer):
        if len(noted) == 1 and job not in noted and not getattr(note, "stopped", False):
            note.stopped = True
            raise KeyboardInterrupt
        noted.append(job)

    stopping = threading.Event()
    with pytest.raises(KeyboardInterrupt):
        Loop(note=note).over(map(str, range(50)), ThreadPool(do, workers=2, stopping=stopping))
    assert stopping.is_set()
    assert sorted(noted) == sorted(begun)
    assert len(begun) <= 6


def test_a_job_that_raises_is_not_noted_and_the_others_are():
    noted = []

    def do(name):
        if name == "c":
            raise RuntimeError("a fault of ours")
        return Answer([done(name)])

    with pytest.raises(RuntimeError, match="a fault of ours"):
        Loop(note=lambda job, answer: noted.append(job)).over(
            iter("abc"), ThreadPool(do, workers=1, stopping=threading.Event())
        )
    assert sorted(noted) == ["a", "b"]


def test_reasons_are_sentences():
    assert reason_of(OSError(28, "No space left on device", "chips/a")) == "chips/a: No space left on device"
    assert reason_of(OSError(28, "No space left on device")) == "a file: No space left on device"
    assert reason_of(ValueError("pixels are damaged")) == "pixels are damaged"
    assert reason_of(MemoryError()) == "MemoryError"
