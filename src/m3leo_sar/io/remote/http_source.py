"""Ranges of a file on a web server, through aiohttp: it shows the headers, which obstore and fsspec keep to themselves.

``Retry-After`` says when an overloaded server may be asked again; ``ETag`` and ``Last-Modified`` of each range show
that the file is still the one of the range before. obstore 0.12 and fsspec 2026.9 lack both for web servers.
"""

from __future__ import annotations

import datetime
import email.utils
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from m3leo_sar.io.remote import remote_options
from m3leo_sar.io.remote.remote_address import RemoteFile

#: Answers after which the same request may succeed.
_TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)
#: Answers to an address that a redirection named and that has run out.
_RUN_OUT = (400, 401, 403, 404, 410)
#: An address of which every character may stand in one.
_QUOTED = re.compile(r"(?:[\w!#$&'()*+,/:;=?@\[\].~-]|%[0-9A-Fa-f]{2})+", re.ASCII)
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
#: Servers of NASA that take a token of the Earthdata login, and the variable that holds it.
_EARTHDATA = (".earthdata.nasa.gov", ".earthdatacloud.nasa.gov", ".asf.alaska.edu")
_TOKEN = "EARTHDATA_TOKEN"


class Version(NamedTuple):
    """What a server says of the state of a file."""

    size: int
    etag: str | None = None
    modified: str | None = None

    def is_same(self, other: Version) -> bool:
        """Whether two answers are of the same bytes, as far as the server says."""
        if self.size != other.size:
            return False
        if self.etag and other.etag:
            return self.etag.removeprefix("W/") == other.etag.removeprefix("W/")
        return not (self.modified and other.modified) or self.modified == other.modified


class TryAgain(Exception):
    """A fault that may pass; ``after`` is the number of seconds for which the server asks."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class HttpSource:
    """A file on a web server; its ranges are read in the loop of :mod:`m3leo_sar.io.remote.remote_transfer`."""

    def __init__(self, file: RemoteFile) -> None:
        self.file = file
        #: Where redirections led, such as to a signed address; None before the first answer.
        self._final: Any = None

    def beside(self, file: RemoteFile) -> HttpSource:
        """Reader of another file of the same server."""
        return HttpSource(file)

    async def get(self, session: Any, start: int, stop: int) -> tuple[bytes, Version]:
        """Bytes of a range, fewer at the end of the file, and the file's version.

        Raises
        ------
        TryAgain
            If the server is overloaded, or the answer is late or cut short.
        FileNotFoundError, PermissionError
            If there is no such file, or access is refused.
        OSError
            If the server serves no ranges, or refuses the request for another reason.
        """
        final = self._final
        if final is not None:
            try:
                return await self._ask(session, final, start, stop, redirected=True)
            except _Expired:
                # Another range may have found the new place meanwhile.
                if self._final == final:
                    self._final = None
        return await self._ask(session, await self._address(), start, stop)

    async def _address(self) -> Any:
        """The address that is asked first."""
        return plain_address(self.file.url)

    def _hint(self) -> str:
        """How a user gets access."""
        if _is_earthdata(self.file):
            return f"set the environment variable {_TOKEN} to a token of your Earthdata login"
        return "give a signed address, or put the name and password of the host into ~/.netrc"

    async def get_whole(self, session: Any, largest: int, body: Any = None) -> bytes:
        """The whole answer, up to one byte more than ``largest``; with a JSON ``body`` that of a POST request.

        Raises as :meth:`get`.
        """
        headers = {"Accept": "application/geo+json, application/json, */*"} | _authorisation(self.file)
        method = "GET" if body is None else "POST"
        with self._plain_faults():
            async with session.request(method, await self._address(), json=body, headers=headers) as answer:
                if answer.status != 200:
                    self._refuse(answer)
                parts, size = [], 0
                async for part in answer.content.iter_chunked(1 << 20):
                    parts.append(part)
                    size += len(part)
                    if size > largest:
                        break
                return b"".join(parts)

    async def _ask(
        self, session: Any, address: Any, start: int, stop: int, *, redirected: bool = False
    ) -> tuple[bytes, Version]:
        headers = {"Range": f"bytes={start}-{stop - 1}"} | (_authorisation(self.file) if not redirected else {})
        with self._plain_faults():
            async with session.get(address, headers=headers) as answer:
                if redirected and answer.status in _RUN_OUT:
                    raise _Expired
                self._require_range(answer, start, stop)
                data = await answer.read()
                if answer.history:
                    self._final = answer.url
                return self._checked(answer, data, start, stop)

    @contextmanager
    def _plain_faults(self) -> Iterator[None]:
        """Faults of a transfer without their cause, whose text may hold the whole address."""
        import aiohttp

        try:
            yield
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError, ConnectionError) as error:
            raise TryAgain(_fault(error)) from None
        except aiohttp.InvalidURL:
            raise ValueError(f"{self.file} is not a valid address") from None
        except aiohttp.ClientError as error:
            raise OSError(f"{self.file} cannot be read: {type(error).__name__}") from None

    def _require_range(self, answer: Any, start: int, stop: int) -> None:
        """Refuse an answer that is not the range, before its body is read."""
        status = answer.status
        whole = status == 200 and start == 0 and _length(answer, stop + 1) <= stop
        if status == 206 or whole:
            return
        if status == 200:
            raise OSError(f"{self.file} can only be read whole: its server serves no ranges; fetch the file first")
        if status == 416:
            raise OSError(f"{self.file} is empty or was shortened: the server has no bytes from {start} on")
        self._refuse(answer)

    def _refuse(self, answer: Any) -> None:
        status = answer.status
        if status in (404, 410):
            raise FileNotFoundError(f"there is no file {self.file} (the server answers {status})")
        if status in (401, 403, 407):
            raise PermissionError(f"{self.file} cannot be accessed: the server answers {status}; {self._hint()}")
        if status in _TRY_AGAIN:
            raise TryAgain(f"the server answers {status}", _seconds(answer.headers.get("Retry-After")))
        raise OSError(f"{self.file} cannot be read: the server answers {status}")

    def _checked(self, answer: Any, data: bytes, start: int, stop: int) -> tuple[bytes, Version]:
        headers = answer.headers
        size = len(data)
        if answer.status == 206:
            stated = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
            if stated is None:
                raise OSError(f"{self.file} cannot be read: the server does not say which bytes it sends")
            first, last, size = (int(number) for number in stated.groups())
            if first != start or last + 1 != min(stop, size):
                raise TryAgain(f"the server sends bytes {first} to {last} in place of {start} to {stop - 1}")
            if len(data) != last + 1 - first:
                raise TryAgain(f"the answer is cut short: {len(data)} of {last + 1 - first} bytes")
        return data, Version(size, headers.get("ETag"), headers.get("Last-Modified"))


class _Expired(Exception):
    """An address that a redirection named is refused."""


def plain_address(url: str) -> Any:
    """An address as it is written, if it is well formed: a signature may cover how its characters are quoted."""
    import yarl

    return yarl.URL(url, encoded=_QUOTED.fullmatch(url) is not None)


def timeouts() -> Any:
    """Time limits for a session."""
    import aiohttp

    return aiohttp.ClientTimeout(
        total=None, sock_connect=remote_options.options.connect_timeout, sock_read=remote_options.options.timeout
    )


def _length(answer: Any, unknown: int) -> int:
    return unknown if answer.content_length is None else int(answer.content_length)


def _seconds(text: str | None) -> float | None:
    """Seconds of a ``Retry-After``, which is a number or a date."""
    if text is None:
        return None
    if re.fullmatch(r"\d{1,9}", text.strip(), re.ASCII):
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return max(0.0, (moment - datetime.datetime.now(datetime.UTC)).total_seconds())


def _fault(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"no bytes came for {remote_options.options.timeout:g} s"
    # The texts of other errors of aiohttp may hold the address.
    return "the answer is cut short" if type(error).__name__ == "ClientPayloadError" else "the connection failed"


def _is_earthdata(file: RemoteFile) -> bool:
    host = f".{urlsplit(file.url).hostname or ''}"
    return file.scheme == "https" and host.endswith(_EARTHDATA)


def _authorisation(file: RemoteFile) -> dict[str, str]:
    """Header with the user's token; aiohttp drops it where a redirection leads to another server."""
    token = os.environ.get(_TOKEN, "").strip()
    return {"Authorization": f"Bearer {token}"} if token and _is_earthdata(file) else {}
