"""Requests for ranges of files on servers: at the same time, tried again with growing waits, in one thread."""

from __future__ import annotations

import asyncio
import atexit
import os
import random
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from m3leo_sar.io.remote import remote_options
from m3leo_sar.io.remote.byte_ranges import ByteRange
from m3leo_sar.io.remote.collection_pause import pause
from m3leo_sar.io.remote.http_source import HttpSource, TryAgain, Version, timeouts
from m3leo_sar.io.remote.object_source import ObjectSource
from m3leo_sar.io.remote.remote_address import HTTP, RemoteFile
from m3leo_sar.io.remote.s3_source import S3Source

Source = HttpSource | ObjectSource
#: Bytes of a range, and the version of the file they are of.
Part = tuple[bytes, Version]
_T = TypeVar("_T")


def source_of(file: RemoteFile) -> Source:
    """Reader of a file's ranges by the scheme of its address.

    Raises
    ------
    ImportError
        If the package for it is not installed.
    """
    try:
        if file.scheme not in (*HTTP, "s3"):
            return ObjectSource(file)
        import aiohttp  # noqa: F401

        return HttpSource(file) if file.scheme in HTTP else S3Source(file)
    except ImportError as error:
        raise ImportError(f"{file} lies on a server: pip install 'm3leo-sar[far]'") from error


def fetch(source: Source, ranges: Sequence[ByteRange]) -> list[Part]:
    """Read ranges of a file at the same time.

    Raises
    ------
    FileNotFoundError, PermissionError, OSError
        If there is no such file, access is refused, or the server still fails after all attempts.
    """
    return start(source, ranges).result()


def start(source: Source, ranges: Sequence[ByteRange]) -> Future[list[Part]]:
    """Begin to read ranges of a file; the result is that of :func:`fetch`."""
    return _transfers().submit(_all(source, ranges))


def fetch_each(sources: Sequence[Source], wanted: Sequence[ByteRange]) -> list[Part | Exception]:
    """A range of each of several files at the same time; an error takes the place of a part."""
    return _transfers().submit(_each(sources, wanted)).result()


def fetch_whole(source: HttpSource, largest: int, body: Any = None) -> bytes:
    """The whole answer of a web server, up to one byte or more than ``largest``; raises as :func:`fetch`."""
    return _transfers().submit(_attempts(source, lambda session: source.get_whole(session, largest, body))).result()


async def _all(source: Source, ranges: Sequence[ByteRange]) -> list[Part]:
    tasks = [asyncio.ensure_future(_patiently(source, *one)) for one in ranges]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


async def _each(sources: Sequence[Source], wanted: Sequence[ByteRange]) -> list[Part | Exception]:
    work = (_patiently(source, *one) for source, one in zip(sources, wanted, strict=True))
    found = await asyncio.gather(*work, return_exceptions=True)
    return [part if isinstance(part, tuple) else _as_exception(part) for part in found]


def _as_exception(error: BaseException) -> Exception:
    if not isinstance(error, Exception):
        raise error
    return error


async def _patiently(source: Source, first: int, stop: int) -> Part:
    return await _attempts(source, lambda session: source.get(session, first, stop))


async def _attempts(source: Source, ask: Callable[[Any], Awaitable[_T]]) -> _T:
    """An answer, after as many attempts as the options allow."""
    transfers = _transfers()
    wait = remote_options.options.first_wait
    for left in reversed(range(remote_options.options.tries)):
        try:
            async with transfers.places:
                return await ask(transfers.session)
        except TryAgain as error:
            asked = error.after or 0.0
            if not left or asked > remote_options.options.longest_wait:
                asked_for = f" and asks to wait {asked:g} s" if asked > remote_options.options.longest_wait else ""
                tries = remote_options.options.tries - left
                raise OSError(
                    f"{source.file} cannot be read: {error}{asked_for}, after {tries} attempt{'s' * (tries > 1)}"
                ) from error
            # Many readers that failed together must not all come back together.
            await asyncio.sleep(max(asked, wait) * random.uniform(1.0, 1.25))
            wait = min(2 * wait, remote_options.options.longest_wait)
    raise AssertionError("unreachable")


class _Transfers:
    """The thread whose loop does all requests of this process."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.loop = asyncio.new_event_loop()
        self.session: Any = None
        self.places: asyncio.Semaphore
        threading.Thread(target=self._run, name="m3leo-sar transfers", daemon=True).start()
        self.submit(self._begin()).result()

    def submit(self, work: Coroutine[Any, Any, _T]) -> Future[_T]:
        pause.begin()
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        future.add_done_callback(lambda _: pause.end())
        return future

    async def _begin(self) -> None:
        self.places = asyncio.Semaphore(remote_options.options.requests)
        try:
            import aiohttp
        except ImportError:
            # Needed for http only.
            return
        self.session = aiohttp.ClientSession(
            timeout=timeouts(),
            connector=aiohttp.TCPConnector(limit=remote_options.options.requests),
            # Proxies and ~/.netrc are the user's.
            trust_env=True,
            # A signed address is signed as it is written.
            requote_redirect_url=False,
            # A packed answer has other ranges than the file.
            headers={"Accept-Encoding": "identity", "User-Agent": "m3leo-sar"},
        )

    def _run(self) -> None:
        self.loop.run_forever()
        self.loop.close()

    async def _end(self) -> None:
        if self.session is not None:
            await self.session.close()
        self.loop.stop()

    def close(self) -> None:
        if self.process == os.getpid():
            asyncio.run_coroutine_threadsafe(self._end(), self.loop)


_made: _Transfers | None = None
_making = threading.Lock()


def _transfers() -> _Transfers:
    global _made
    # The thread of a parent does not run in its fork.
    if _made is None or _made.process != os.getpid():
        with _making:
            if _made is None or _made.process != os.getpid():
                _made = _Transfers()
    return _made


@atexit.register
def close() -> None:
    """Close all connections of this process; the next request opens new ones, by the options then in force."""
    global _made
    if _made is not None:
        _made.close()
        _made = None
