"""Ranges of an object in S3, through aiohttp with an address that obstore signs with the user's credentials.

obstore repeats a request that a store answers with 429 or 503 after waits of its own; it neither respects
``Retry-After``, which stores over Ceph send, nor shows it.
"""

from __future__ import annotations

import os
import time
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from m3leo_sar.io.remote.http_source import HttpSource, plain_address
from m3leo_sar.io.remote.object_source import how_to_grant, plain_fault, store_of
from m3leo_sar.io.remote.remote_address import RemoteFile

#: Seconds for which a signature serves, and after which a new one is made.
_SERVES, _USED = 3600, 900
#: Texts that obstore takes for true, in the variable for public buckets.
_TRUE = ("1", "true", "on", "yes", "y", "t")
#: What signs an address of which only the unsigned part is used.
_ANY = {"skip_signature": False, "access_key_id": "none", "secret_access_key": "none"}


class S3Source(HttpSource):
    """An object in S3; its ranges are read as those of a file on a web server.

    Parameters
    ----------
    file : RemoteFile
    store : obstore store, optional
        Of the bucket, if it is open already.
    """

    def __init__(self, file: RemoteFile, store: Any = None) -> None:
        super().__init__(file)
        self._is_public = os.environ.get("AWS_SKIP_SIGNATURE", "").lower() in _TRUE
        self._store = store or store_of(file, config=_ANY if self._is_public else None)
        self._signed: tuple[float, Any] | None = None

    def beside(self, file: RemoteFile) -> S3Source:
        """Reader of another object of the same bucket."""
        return S3Source(file, self._store)

    async def _address(self) -> Any:
        now = time.monotonic()
        if self._signed is None or now - self._signed[0] > _USED:
            self._signed = now, await self._new_address()
        return self._signed[1]

    async def _new_address(self) -> Any:
        import obstore
        from obstore import exceptions

        key = unquote(urlsplit(self.file.url).path.lstrip("/"))
        try:
            signed = await obstore.sign_async(self._store, "GET", key, timedelta(seconds=_SERVES))
        except exceptions.BaseError as error:
            raise plain_fault(self.file, error) from None
        return plain_address(signed.partition("?")[0] if self._is_public else signed)

    def _refuse(self, answer: Any) -> None:
        if answer.status in (301, 307):
            raise OSError(f"{self.file} lies in another region: set AWS_REGION to the region of its bucket")
        if answer.status == 400:
            raise PermissionError(
                f"{self.file} cannot be accessed: the server answers 400, as for a token that has run out or an "
                f"AWS_REGION that is not the bucket's; {self._hint()}"
            )
        super()._refuse(answer)

    def _hint(self) -> str:
        return how_to_grant(self.file)
