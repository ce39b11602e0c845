"""Ranges of a file in an object store (S3, Google, Azure), through obstore, which finds the user's credentials."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from m3leo_sar.io.remote import remote_options
from m3leo_sar.io.remote.http_source import TryAgain, Version
from m3leo_sar.io.remote.remote_address import RemoteFile, redacted_text

#: States of an answer, as obstore's messages name them, after which the same request may succeed.
_TRY_AGAIN = re.compile(
    r"\b(?:408|429|5\d\d)\b|SlowDown|timed out|HTTP error|error sending|[Cc]onnection|response body"
)
_CREDENTIALS = re.compile(r"credential|169\.254\.|metadata", re.IGNORECASE)


class ObjectSource:
    """A file in an object store; its ranges are read in the loop of :mod:`m3leo_sar.io.remote.remote_transfer`."""

    def __init__(self, file: RemoteFile) -> None:
        self.file = file
        self._store = _store_of(file)
        self._key = urlsplit(file.url).path.lstrip("/")

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
            raise PermissionError(f"{self.file} cannot be accessed: {_hint(self.file)}") from None
        except exceptions.BaseError as error:
            raise self._plain(error) from None
        meta = answer.meta
        if len(data) != min(stop, meta["size"]) - start:
            raise TryAgain(f"the answer is cut short: {len(data)} bytes")
        return data, Version(int(meta["size"]), meta.get("e_tag"), str(meta["last_modified"]))

    def _plain(self, error: Exception) -> Exception:
        # The rest describes the fields of the error, whatever they hold.
        text = redacted_text(str(error).partition("\n\nDebug source")[0])
        if "NotPartial" in text or "non-partial" in text:
            return OSError(f"{self.file} can only be read whole: its server serves no ranges; fetch the file first")
        if _CREDENTIALS.search(text):
            return PermissionError(f"{self.file} needs credentials, and none were found: {_hint(self.file)}")
        if _TRY_AGAIN.search(text):
            status = re.search(r"\b(?:408|429|5\d\d)\b", text)
            return TryAgain(f"the server answers {status[0]}" if status else "the answer is late or cut short")
        return OSError(f"{self.file} cannot be read: {' '.join(text.split())[:200]}")


def list_objects(folder: RemoteFile) -> list[RemoteFile]:
    """Files below a prefix of an object store, sorted.

    Raises
    ------
    PermissionError, OSError
        If they cannot be listed.
    """
    import obstore
    from obstore import exceptions

    prefix = urlsplit(folder.url).path.strip("/")
    try:
        found = [entry["path"] for part in obstore.list(_store_of(folder), prefix or None) for entry in part]
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError):
        raise PermissionError(f"{folder} cannot be listed: {_hint(folder)}") from None
    except exceptions.BaseError as error:
        raise OSError(f"{folder} cannot be listed: {' '.join(redacted_text(str(error)).split())[:200]}") from None
    bucket = f"{folder.scheme}://{urlsplit(folder.url).netloc}"
    return [RemoteFile(f"{bucket}/{path}") for path in sorted(found)]


def _store_of(file: RemoteFile) -> Any:
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
            # Ours decides on attempts; this one is for the service that hands out credentials.
            retry_config={"max_retries": 1, "retry_timeout": seconds},
        )
    except Exception as error:
        raise OSError(f"{file} cannot be opened: {redacted_text(str(error)).partition(chr(10))[0][:200]}") from None


def _hint(file: RemoteFile) -> str:
    if file.scheme == "s3":
        return (
            "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION in the environment, or, for a public bucket, "
            "AWS_SKIP_SIGNATURE=true"
        )
    return "set the credentials of the store in the environment"
