"""How patiently files on servers are read, and how much of them is kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RemoteOptions:
    """Limits of the transfers of this process; :data:`options` holds those in force.

    Parameters
    ----------
    tries : int
        Attempts per request.
    connect_timeout, timeout : float
        Seconds to wait for a connection, and for the next bytes of an answer.
    first_wait, longest_wait : float
        Seconds before the second attempt, doubled before each further one, and the most that a server may ask for.
    requests : int
        Requests at the same time.
    memory : int
        Bytes of chunks kept in memory.
    index_bytes : int
        Bytes of an index on disk; the files least recently used leave it first.
    """

    tries: int = 6
    connect_timeout: float = 15.0
    timeout: float = 30.0
    first_wait: float = 0.5
    longest_wait: float = 120.0
    requests: int = 24
    memory: int = 256 << 20
    index_bytes: int = 1 << 30


#: Options in force.
options = RemoteOptions()
