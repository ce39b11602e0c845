"""Ranges of a file in an object store (Google, Azure), through obstore, which finds the user's credentials.

It hides the headers of an answer: after 429 and 503, waits grow as for other faults, whatever ``Retry-After`` says.
Objects of S3 are read by :mod:`m3leo_sar.io.remote.s3_source`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from m3leo_sar.io.remote import remote_options
from m3leo_sar.io.remote.http_source import TryAgain, Version
from m3leo_sar.io.remote.remote_address import RemoteFile, redacted_text

#: States of an answer, as obstore's messages name them, after which the same request may succeed.
_TRY_AGAIN = re.compile(
    r"\b(?:408|429|5\d\d)\b|SlowDown|timed out|HTTP error|error sending|[Cc]onnection|response body"
)
#: Attempts of obstore's own for a listing.
_LISTING = 5
_CREDENTIALS = re.compile(r"credential|169\.254\.|metadata", re.IGNORECASE)


class ObjectSource:
    """A file in an object store; its ranges are read in the loop of :mod:`m3leo_sar.io.remote.remote_transfer`."""

    def __init__(self, file: RemoteFile, store: Any = None) -> None:
        self.file = file
        self._store = store_of(file) if store is None else store
        self._key = unquote(urlsplit(file.url).path.lstrip("/"))

    def beside(self, file: RemoteFile) -> ObjectSource:
        """Reader of another object of the same bucket, over the same connections."""
        return ObjectSource(file, self._store)

    async def get(self, session: Any, start: int, stop: int) -> tuple[bytes, Version]:
        """Bytes of a range and the file's version; raises as :class:`m3leo_sar.io.remote.http_source.HttpSource`."""
        import obstore
        from obstore import exceptions

        try:
            answer = await obstore.get_async(self._store, self._key, options={"range": (start, stop)})
            data = bytes(await answer.bytes_async())
        except FileNotFoundError:
            # Without the cause, whose text may hold the whole address.
            raise FileNotFoundError(f"there is no file {self.file}") from None
        except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError):
            raise PermissionError(f"{self.file} cannot be accessed: {how_to_grant(self.file)}") from None
        except exceptions.BaseError as error:
            raise plain_fault(self.file, error) from None
        meta = answer.meta
        if len(data) != min(stop, meta["size"]) - start:
            raise TryAgain(f"the answer is cut short: {len(data)} bytes")
        return data, Version(int(meta["size"]), meta.get("e_tag"), str(meta["last_modified"]))


def plain_fault(file: RemoteFile, error: Exception) -> Exception:
    """What to raise for an exception of obstore, whose text may hold a signature."""
    # The rest describes the fields of the error, whatever they hold.
    text = redacted_text(str(error).partition("\n\nDebug source")[0])
    if "NotPartial" in text or "non-partial" in text:
        return OSError(f"{file} can only be read whole: its server serves no ranges; fetch the file first")
    if _CREDENTIALS.search(text):
        return PermissionError(f"{file} needs credentials, and none were found: {how_to_grant(file)}")
    if _TRY_AGAIN.search(text):
        status = re.search(r"\b(?:408|429|5\d\d)\b", text)
        return TryAgain(f"the server answers {status[0]}" if status else "the answer is late or cut short")
    return OSError(f"{file} cannot be read: {' '.join(text.split())[:200]}")


def list_objects(folder: RemoteFile) -> list[RemoteFile]:
    """Files below a prefix of an object store, sorted.

    Raises
    ------
    PermissionError, OSError
        If they cannot be listed.
    """
    import obstore

    prefix = unquote(urlsplit(folder.url).path.strip("/"))
    with _plain_faults(folder):
        found = [
            entry["path"] for part in obstore.list(store_of(folder, retries=_LISTING), prefix or None) for entry in part
        ]
    bucket = f"{folder.scheme}://{urlsplit(folder.url).netloc}"
    return [RemoteFile(f"{bucket}/{quote(path)}") for path in sorted(found)]


def list_folders(folder: RemoteFile) -> list[str]:
    """Names of the folders right below a prefix of an object store, sorted; raises as :func:`list_objects`."""
    import obstore

    prefix = unquote(urlsplit(folder.url).path.strip("/"))
    with _plain_faults(folder):
        found = obstore.list_with_delimiter(store_of(folder, retries=_LISTING), prefix or None)["common_prefixes"]
    return sorted(path.rstrip("/").rpartition("/")[2] for path in found)


@contextmanager
def _plain_faults(folder: RemoteFile) -> Iterator[None]:
    from obstore import exceptions

    try:
        yield
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError):
        raise PermissionError(f"{folder} cannot be listed: {how_to_grant(folder)}") from None
    except exceptions.BaseError as error:
        raise OSError(f"{folder} cannot be listed: {' '.join(redacted_text(str(error)).split())[:200]}") from None


def store_of(file: RemoteFile, *, retries: int = 1, config: Any = None) -> Any:
    """The bucket of an object, with the credentials of the user's environment.

    Parameters
    ----------
    file : RemoteFile
    retries : int
        Attempts of obstore's own. Ours decide on those for ranges; this one is for the service of the credentials.
    config : mapping, optional
        Settings that replace those of the environment.

    Raises
    ------
    OSError
        If the settings make no store.
    """
    from obstore.store import from_url

    seconds = timedelta(seconds=remote_options.options.timeout)
    parts = urlsplit(file.url)
    try:
        return from_url(
            f"{parts.scheme}://{parts.netloc}",
            client_options={
                "connect_timeout": timedelta(seconds=remote_options.options.connect_timeout),
                "read_timeout": seconds,
                "timeout": 10 * seconds,
                # The addresses of stores have https; another endpoint in the user's environment may be a test server.
                "allow_http": True,
            },
            retry_config={"max_retries": retries, "retry_timeout": seconds},
            config=config,
        )
    except Exception as error:
        raise OSError(f"{file} cannot be opened: {redacted_text(str(error)).partition(chr(10))[0][:200]}") from None


def how_to_grant(file: RemoteFile) -> str:
    """How a user gets access to an object store."""
    if file.scheme == "s3":
        return (
            "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION in the environment, or, for a public bucket, "
            "AWS_SKIP_SIGNATURE=true"
        )
    return "set the credentials of the store in the environment"
