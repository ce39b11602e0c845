"""One run at a time on a folder: a lock with an owner, which ends with the owner or expires."""

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

#: The lock's file in the folder; it stays there, empty while nobody holds it.
NAME = "run.lock"
#: Bytes of the file that are read: an owner takes some hundred.
_LENGTH = 4096
#: Seconds between two looks at a lock.
_PAUSE = 0.02


class RunLock:
    """Lock on a folder for the time of a ``with`` block.

    The kernel holds it for this process and for children that inherit :meth:`fileno`, and drops it when the last of
    them has ended, however it ended. Where the folder is shared by machines whose kernels do not know of each other,
    the owner is told by a number in the file that grows while it lives; one that has not grown for ``expiry`` seconds
    of our own steady clock is dead. No time of day is ever compared.

    Parameters
    ----------
    folder : path
        An existing folder.
    expiry : float
        Seconds without a sign after which an owner on another machine counts as dead.

    Raises
    ------
    BlockingIOError
        On entering, if another run holds the lock; the message names it.
    OSError
        On entering, if the file cannot be made.
    """

    def __init__(self, folder: str | os.PathLike[str], *, expiry: float = 20.0) -> None:
        if not expiry > 0:
            raise ValueError(f"expiry must be above 0 seconds, got {expiry}")
        self.path, self.expiry = Path(folder) / NAME, expiry
        self._file = -1
        self._ended = threading.Event()
        self._beating: threading.Thread | None = None

    def fileno(self) -> int:
        """Descriptor that children inherit to hold the lock with us."""
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
        # An empty file says that the owner has ended well; the file itself stays, as another may be waiting for it.
        with suppress(OSError):
            os.ftruncate(self._file, 0)
        os.close(self._file)

    def _take(self) -> None:
        """Take the kernel's lock; wait only for the children of an owner that is gone already."""
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
        """What the file says; nothing if it is empty or was being written."""
        try:
            owner = json.loads(os.pread(self._file, _LENGTH, 0))
        except ValueError:
            return {}
        return owner if isinstance(owner, dict) else {}

    def _refusal(self, owner: dict[str, Any]) -> str:
        name = f"process {owner.get('pid', '?')} on {owner.get('machine', '?')}"
        return f"{self.path.parent} is being worked on by {name}; wait until it has ended, or end it"

    def _sign(self, beat: int) -> None:
        owner = {"host": host_name(), "machine": socket.gethostname(), "pid": os.getpid(), "beat": beat}
        text = json.dumps(owner | {"started": _started(os.getpid())}).encode()
        os.pwrite(self._file, text, 0)
        os.ftruncate(self._file, len(text))

    def _beat(self) -> None:
        beat = 0
        while not self._ended.wait(self.expiry / 8):
            beat += 1
            # A full disk must not end the run here: the kernel's lock holds all the same.
            with suppress(OSError):
                self._sign(beat)


def _is_gone(owner: dict[str, Any]) -> bool:
    """Whether the owner's process has ended, its number taken by another included."""
    pid = owner.get("pid")
    if not isinstance(pid, int):
        return False
    return _started(pid) != owner.get("started")


def _started(pid: int) -> str | None:
    """When a process started, in the kernel's ticks; None if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    # A process that has ended but was not yet waited for is gone too.
    return None if fields[0] in "ZX" else fields[19]
