"""The loop of every long run: claim a job, do it, note the result, report."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from m3leo_sar.run.job_warnings import collected, collecting

#: One unit of work, such as a tile or a block of tiles.
Job = TypeVar("Job")
#: States of an outcome; `present` means completed by an earlier run.
STATES = ("done", "skipped", "failed", "present")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of one tile.

    Parameters
    ----------
    identifier : str
        The tile's.
    state : str
        One of ``STATES``.
    reason : str
        Reason if it was skipped or failed, or a remark on its chips.
    counts : mapping of str to int
        Chips made, per product.
    bytes : int
        Before compression.
    """

    identifier: str
    state: str
    reason: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    bytes: int = 0


class Answer(NamedTuple):
    """The result of one job."""

    outcomes: Sequence[Outcome]
    #: Reason if no other job can succeed either; empty otherwise.
    fatal: str = ""
    #: Time of the worker.
    seconds: float = 0.0
    #: Sentences of warnings, such as those of a reader.
    warnings: Sequence[str] = ()


@dataclass
class Summary:
    """The result of a run."""

    #: Chips (or planes of SLC tiles) made, per product.
    computed: dict[str, int] = field(default_factory=dict)
    #: Existing ones with the same parameters; `retile` counts tiles.
    present: int = 0
    #: Tiles that were left out, with the reason.
    skipped: dict[str, str] = field(default_factory=dict)
    #: Tiles that failed, with the reason; the next run tries them again.
    failed: dict[str, str] = field(default_factory=dict)
    #: Remarks on tiles that were made.
    notes: dict[str, str] = field(default_factory=dict)
    #: Tiles that were made.
    done: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        if outcome.state == "done":
            self.done += 1
        reasons = {"done": self.notes, "skipped": self.skipped, "failed": self.failed}.get(outcome.state)
        if reasons is not None and (outcome.reason or outcome.state != "done"):
            reasons[outcome.identifier] = outcome.reason
        for product, count in outcome.counts.items():
            self.computed[product] = self.computed.get(product, 0) + count

    def order(self) -> None:
        """Put the reasons in the order of the identifiers: several workers finish in another order each time."""
        self.skipped, self.failed, self.notes = (
            dict(sorted(reasons.items())) for reasons in (self.skipped, self.failed, self.notes)
        )


class Executor(Protocol[Job]):
    """Executor of jobs: this process, threads, worker processes, a cluster."""

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Answer]]:
        """Do the jobs and yield each with its answer, in the order of completion."""
        ...

    def stop(self) -> Iterable[tuple[Job, Answer]]:
        """End early; returns finished jobs that have not been yielded."""
        ...


def heard(do: Callable[[Job], Answer], job: Job) -> Answer:
    """Do a job in this process; its answer has the warnings of its thread."""
    with collected() as texts:
        answer = do(job)
    return answer._replace(warnings=(*answer.warnings, *texts)) if texts else answer


class Here(Generic[Job]):
    """Jobs in this process, one after the other.

    Parameters
    ----------
    do : callable
        Does one job.
    """

    def __init__(self, do: Callable[[Job], Answer]) -> None:
        self._do = do

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Answer]]:
        """Do the jobs in order."""
        for job in jobs:
            yield job, heard(self._do, job)

    def stop(self) -> Iterable[tuple[Job, Answer]]:
        """Nothing is left over: each answer is yielded before the next job begins."""
        return ()


class Loop(Generic[Job]):
    """Claim, do, note, report; an exception, Ctrl-C included, keeps finished work.

    Parameters
    ----------
    note : callable, optional
        Called with a job and its answer, to write it into a ledger. It comes before the report, and in one thread.
    report : callable, optional
        Called with each outcome.
    warned : callable, optional
        Called with the text of each warning that the loop issues, such as to log it.

    Warns
    -----
    UserWarning
        The warnings of the jobs, each cause once, however many jobs have met it.
    """

    def __init__(
        self,
        *,
        note: Callable[[Job, Any], Any] | None = None,
        report: Callable[[Outcome], Any] | None = None,
        warned: Callable[[str], Any] | None = None,
    ) -> None:
        self.summary = Summary()
        self._note, self._report, self._warned = note, report, warned
        self._causes: set[str] = set()
        #: The job that was noted last; an exception may come before its executor knows.
        self._noted: Job | None = None

    def present(self, identifier: str, count: int = 1) -> None:
        """Count and report a tile that lacks nothing; called while jobs are claimed."""
        self.summary.present += count
        self._tell(Outcome(identifier=identifier, state="present"))

    def over(self, jobs: Iterable[Job], executor: Executor[Job]) -> Summary:
        """Go through the jobs, which are claimed as the executor takes them.

        Raises
        ------
        OSError
            If an answer says that no other job can succeed either.
        """
        # Until the last job ends: its thread may restore what it found when a block of its own began.
        with collecting():
            self._over(jobs, executor)
        self.summary.order()
        return self.summary

    def _over(self, jobs: Iterable[Job], executor: Executor[Job]) -> None:
        try:
            with closing(executor.run(jobs)) as answers:  # type: ignore[type-var]
                for job, answer in answers:
                    self._settle(job, answer)
        except BaseException:
            for job, answer in executor.stop():
                # A full disk may refuse the ledger too: the job is done once more then, and the first fault is raised.
                if job is not self._noted:
                    with suppress(OSError):
                        self._settle(job, answer)
            raise

    def _settle(self, job: Job, answer: Answer) -> None:
        if not answer.fatal:
            self._count(job, answer)
            return
        # The cause is raised, not its consequence that the ledger cannot be written either.
        with suppress(OSError):
            self._count(job, answer)
        raise OSError(f"{answer.fatal}; finished work is kept, run again to continue")

    def _count(self, job: Job, answer: Answer) -> None:
        if self._note:
            self._note(job, answer)
        self._noted = job
        for text in answer.warnings:
            self._warn(text)
        for outcome in answer.outcomes:
            self.summary.add(outcome)
            self._tell(outcome)

    def _warn(self, text: str) -> None:
        # Jobs meet other examples of one cause, such as other lines of an image.
        cause = text.partition(", such as ")[0]
        if cause not in self._causes:
            self._causes.add(cause)
            if self._warned:
                self._warned(text)
            warnings.warn(text, stacklevel=2)

    def _tell(self, outcome: Outcome) -> None:
        if self._report:
            self._report(outcome)


def reason_of(error: BaseException) -> str:
    """An exception as the reason of an outcome, in one sentence."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'a file'}: {error.strerror}"
    return str(error) or type(error).__name__


def refuse_none(skipped: Mapping[str, str], tiles: int, name: str) -> None:
    """Refuse tiles that all lie off a stack.

    Raises
    ------
    ValueError
        If they do; the message gives the reason of the first.
    """
    if len(skipped) == tiles:
        reason = next(iter(skipped.values()))
        partly = "%" in reason and not reason.startswith("0%")
        hint = "; a lower minimum_coverage= keeps tiles that lie on it in part" if partly else ""
        raise ValueError(f"none of the {tiles} tiles can be made from {name}: {reason}{hint}")
