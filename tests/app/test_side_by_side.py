"""Calls in processes of their own: results, notes, errors, and the end of a process without a word."""

from __future__ import annotations

import os
import time

import pytest

from m3leo_sar.app.side_by_side import side_by_side


def worked(kind, amount, note):
    note((kind, os.getpid()))
    if kind == "fails":
        raise ValueError(f"{amount} is too much")
    if kind == "ends":
        os._exit(3)
    if kind == "waits":
        time.sleep(amount)
    return {kind: amount}


def test_each_call_has_a_process_and_its_notes_arrive():
    heard = []
    found = side_by_side(
        worked, {"a": ("one", 1), "b": ("two", 2)}, report=lambda name, value: heard.append((name, *value))
    )
    assert found == {"a": {"one": 1}, "b": {"two": 2}}
    assert {(name, kind) for name, kind, _ in heard} == {("a", "one"), ("b", "two")}
    assert len({os.getpid(), *(process for *_, process in heard)}) == 3


@pytest.mark.parametrize(("kind", "error"), [("fails", ValueError), ("ends", ChildProcessError)])
def test_a_failure_ends_the_others(kind, error):
    started = time.monotonic()
    with pytest.raises(error, match="7 is too much" if kind == "fails" else "process of a ended without a result"):
        side_by_side(worked, {"b": ("waits", 600), "a": (kind, 7)})
    assert time.monotonic() - started < 300
