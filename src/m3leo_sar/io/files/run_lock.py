"""One run at a time per folder: a lock with an owner, which ends with the owner or expires."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from m3leo_sar.io.files.host import host_name

#: The lock's file in the folder; it is kept, empty while nobody holds the lock.
NAME = "run.lock"
#: Most bytes of the file to read; an owner takes some hundred.
_LENGTH = 4096
#: Seconds between two checks of a lock.
_PAUSE = 0.02


class RunLock:
    """Lock on a folder for the duration of a ``with`` block.

    The kernel holds it for this process and for children that inherit :meth:`fileno`, and releases it when the last of
    them ends for any reason. If machines with separate kernels share the folder, a number in the file grows while the
    owner lives; an owner whose number has not grown for ``expiry`` seconds of our own steady clock is dead. No time of
    day is ever compared.

    Parameters
    ----------
    folder : path
        An existing folder.
    expiry : float
        Seconds without a sign of life after which an owner on another machine counts as dead.

    Raises
    ------
    BlockingIOError
        On entering, if another run holds the lock; the message names it.
    OSError
        On entering, if the file cannot be created.
    """

    def __init__(self, folder: str | os.PathLike[str], *, expiry: float = 20.0) -> None:
        if not expiry > 0:
            raise ValueError(f"expiry must be above 0 seconds, got {expiry}")
        self.path, self.expiry = Path(folder) / NAME, expiry
        self._file = -1
        self._ended = threading.Event()
        self._beating: threading.Thread | None = None

    def fileno(self) -> int:
        """Descriptor that children inherit to share the lock."""
        return self._file

    def __enter__(self) -> RunLock:
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._take()
            self._wait_for_others()
            self._sign(0)
        except BaseException:
            os.close(self._file)
            raise
        self._ended.clear()
        self._beating = threading.Thread(target=self._beat, daemon=True)
        self._beating.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._beating:
            self._beating.join()
        # An empty file means that the owner has ended properly; the file is kept, as another may be waiting for it.
        with suppress(OSError):
            os.ftruncate(self._file, 0)
        os.close(self._file)

    def _take(self) -> None:
        """Acquire the kernel's lock; wait only for the children of an owner that is already gone."""
        last = time.monotonic() + self.expiry
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = self._owner()
                if time.monotonic() > last or not (owner.get("host") == host_name() and _is_gone(owner)):
                    raise BlockingIOError(self._refusal(owner)) from None
                time.sleep(_PAUSE)
            else:
                return

    def _wait_for_others(self) -> None:
        """Refuse if an owner on another machine gives a sign of life."""
        first = self._owner()
        if not first or first.get("host") == host_name():
            return
        last = time.monotonic() + self.expiry
        while time.monotonic() < last:
            owner = self._owner()
            if not owner:
                return
            if owner != first:
                raise BlockingIOError(self._refusal(owner))
            time.sleep(_PAUSE)

    def _owner(self) -> dict[str, Any]:
        """Contents of the file; empty if it is empty or half-written."""
        try:
            owner = json.loads(os.pread(self._file, _LENGTH, 0))
        except ValueError:
            return {}
        return owner if isinstance(owner, dict) else {}

    def _refusal(self, owner: dict[str, Any]) -> str:
        name = f"process {owner.get('pid', '?')} on {owner.get('machine', '?')}"
        return f"{self.path.parent} is in use by {name}; wait until it has ended, or end it"

    def _sign(self, beat: int) -> None:
        owner = {"host": host_name(), "machine": socket.gethostname(), "pid": os.getpid(), "beat": beat}
        text = json.dumps(owner | {"started": _started(os.getpid())}).encode()
        os.pwrite(self._file, text, 0)
        os.ftruncate(self._file, len(text))

    def _beat(self) -> None:
        beat = 0
        while not self._ended.wait(self.expiry / 8):
            beat += 1
            # A full disk must not end the run here: the kernel's lock still holds.
            with suppress(OSError):
                self._sign(beat)


def _is_gone(owner: dict[str, Any]) -> bool:
    """Whether the owner's process has ended, even if another process has its number now."""
    pid = owner.get("pid")
    if not isinstance(pid, int):
        return False
    return _started(pid) != owner.get("started")


def _started(pid: int) -> str | None:
    """Start of a process, in the kernel's ticks; None if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    # A process that has ended but was not yet waited for is gone too.
    return None if fields[0] in "ZX" else fields[19]
