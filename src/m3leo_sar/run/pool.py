"""Worker processes of one machine: each gets a job at a time; one that dies or hangs is replaced."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from m3leo_sar.run.threads import environment

#: Job and its answer; an answer without ``tiles`` has only ``lost``, a sentence.
Outcome = tuple[Any, dict[str, Any]]
#: Seconds that a worker may take to remove half-written files.
_GRACE = 10.0
_READ = 1 << 16
#: Most workers that may be lost without an answer between them; more means that the jobs are not the cause.
_IN_A_ROW = 10


class _Task(NamedTuple):
    job: Any
    attempts: int = 0


class WorkerPool:
    """Processes that run one function, started afresh rather than forked, with an explicit number of threads.

    A new process shares no state with this one: OpenMP, which does not survive a fork, starts anew, and libraries
    read their number of threads from the environment. Values are sent as JSON; nothing is unpickled.

    Parameters
    ----------
    function : str
        Dotted name of ``function(common, job)``, which takes and returns plain values, in :mod:`m3leo_sar.run`.
    common : mapping
        Plain values that all jobs share.
    workers, threads : int
        Processes, and threads of each.
    timeout : float, optional
        Seconds after which a worker that has not answered is killed.
    attempts : int
        Number of workers that a job may lose.
    keep_open : tuple of int
        Descriptors that the processes inherit, such as that of a shared lock.
    on_event : callable, optional
        Called with a word (``"worker lost"``) and a sentence.
    """

    def __init__(
        self,
        function: str,
        common: Mapping[str, Any],
        *,
        workers: int,
        threads: int = 1,
        timeout: float | None = None,
        attempts: int = 3,
        keep_open: tuple[int, ...] = (),
        on_event: Callable[[str, str], Any] | None = None,
    ) -> None:
        self._first = json.dumps({"function": function, "common": common}).encode() + b"\n"
        self._options = {"env": environment(threads), "pass_fds": keep_open}
        self._workers, self._timeout, self._attempts = workers, timeout, attempts
        self._on_event = on_event or (lambda word, sentence: None)
        self._running: list[_Worker] = []
        #: Workers that were lost so far, and since the last answer.
        self.lost, self._in_a_row = 0, 0

    @property
    def pids(self) -> list[int]:
        """Numbers of the processes that run."""
        return [worker.process.pid for worker in self._running]

    def run(self, jobs: Iterable[Any]) -> Iterator[Outcome]:
        """Assign each job to a worker and yield its answer, in the order of completion.

        Raises
        ------
        OSError
            If no process can be started.
        """
        waiting, again = iter(jobs), deque[_Task]()
        with selectors.DefaultSelector() as selector:
            try:
                while self._fill(waiting, again, selector) or self._is_busy():
                    yield from self._collect(selector, again)
                self._end()
            except BaseException:
                self._stop()
                raise

    def _is_busy(self) -> bool:
        return any(worker.task for worker in self._running)

    def _fill(self, waiting: Iterator[Any], again: deque[_Task], selector: selectors.BaseSelector) -> bool:
        """Assign a job to every idle worker; returns whether any was assigned."""
        given = False
        while True:
            idle = next((worker for worker in self._running if worker.task is None), None)
            if idle is None and len(self._running) >= self._workers:
                return given
            task = again.popleft() if again else next((_Task(job) for job in waiting), None)
            if task is None:
                return given
            (idle or self._start(selector)).give(task)
            given = True

    def _start(self, selector: selectors.BaseSelector) -> _Worker:
        worker = _Worker(self._first, self._options)
        self._running.append(worker)
        selector.register(worker.process.stdout, selectors.EVENT_READ, worker)  # type: ignore[arg-type]
        return worker

    def _collect(self, selector: selectors.BaseSelector, again: deque[_Task]) -> Iterator[Outcome]:
        for key, _ in selector.select(self._patience()):
            worker: _Worker = key.data
            answer = worker.answer()
            if answer is not None and worker.task is not None:
                job, worker.task, self._in_a_row = worker.task.job, None, 0
                yield job, answer
            elif worker.has_ended:
                yield from self._lose(worker, selector, again, worker.farewell())
        for worker in [worker for worker in self._running if worker.is_late(self._timeout)]:
            worker.process.kill()
            yield from self._lose(worker, selector, again, f"gave no answer for {self._timeout:g} s")

    def _patience(self) -> float | None:
        """Seconds until a worker is late."""
        if self._timeout is None:
            return None
        since = [worker.since for worker in self._running if worker.task]
        return max(0.0, min(since, default=0.0) + self._timeout - time.monotonic())

    def _lose(
        self, worker: _Worker, selector: selectors.BaseSelector, again: deque[_Task], why: str
    ) -> Iterator[Outcome]:
        selector.unregister(worker.process.stdout)  # type: ignore[arg-type]
        self._running.remove(worker)
        worker.close()
        self.lost, self._in_a_row = self.lost + 1, self._in_a_row + 1
        self._on_event("worker lost", f"process {worker.process.pid} {why}")
        if self._in_a_row > _IN_A_ROW + 2 * self._workers:
            raise OSError(f"workers end before they answer; the last one {why}")
        if worker.task is None:
            return
        task = worker.task._replace(attempts=worker.task.attempts + 1)
        if task.attempts < self._attempts:
            again.append(task)
        else:
            yield task.job, {"lost": f"the worker {why}, {task.attempts} times"}

    def _end(self) -> None:
        for worker in self._running:
            worker.dismiss()
        for worker in self._running:
            worker.close()
        self._running = []

    def _stop(self) -> None:
        """End all workers now; they remove their half-written files."""
        for worker in self._running:
            worker.process.send_signal(signal.SIGTERM)
        last = time.monotonic() + _GRACE
        for worker in self._running:
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(max(0.0, last - time.monotonic()))
            worker.process.kill()
            worker.close()
        self._running = []


class _Worker:
    """One process and its current job."""

    def __init__(self, first: bytes, options: dict[str, Any]) -> None:
        # -P: modules are not searched in the user's current folder.
        command = [sys.executable, "-P", "-m", "m3leo_sar.run.worker"]
        # Inherited: Ctrl-C in a terminal reaches a worker that is still loading its libraries.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, **options
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self.task: _Task | None = None
        self.since = time.monotonic()
        self.has_ended = False
        self._heard = b""
        self._say(first)

    def give(self, task: _Task) -> None:
        self.task, self.since = task, time.monotonic()
        self._say(json.dumps(task.job).encode() + b"\n")

    def answer(self) -> dict[str, Any] | None:
        """The answer, once all of it has come."""
        assert self.process.stdout is not None
        part = os.read(self.process.stdout.fileno(), _READ)
        self.has_ended = not part
        self._heard += part
        line, end, rest = self._heard.partition(b"\n")
        if not end:
            return None
        self._heard = rest
        answer: dict[str, Any] = json.loads(line)
        return answer

    def is_late(self, timeout: float | None) -> bool:
        return timeout is not None and self.task is not None and time.monotonic() - self.since >= timeout

    def dismiss(self) -> None:
        self._say(b"\n")

    def close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        self.process.wait()

    def farewell(self) -> str:
        code = self.process.wait()
        return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"

    def _say(self, text: bytes) -> None:
        # The end of its answers shows that a process is gone.
        with suppress(BrokenPipeError):
            assert self.process.stdin is not None
            view = memoryview(text)
            while view:
                view = view[os.write(self.process.stdin.fileno(), view) :]
