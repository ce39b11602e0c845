"""Texts on servers that are read whole: lists of products, and pages of a STAC API."""

from __future__ import annotations

from typing import Any

from m3leo_sar.io.remote.http_source import HttpSource
from m3leo_sar.io.remote.open_remote import ranged_file
from m3leo_sar.io.remote.remote_address import HTTP, RemoteFile
from m3leo_sar.io.remote.remote_transfer import fetch_whole, source_of


def read_remote_text(file: RemoteFile, *, largest: int, body: Any = None) -> str:
    """Read a UTF-8 text of a limited size.

    Parameters
    ----------
    file : RemoteFile
    largest : int
        Most bytes.
    body : JSON value, optional
        Sent in a POST request, as a STAC API may ask for its next page; over http and https only.

    Raises
    ------
    FileNotFoundError, PermissionError, OSError
        If there is no such text, access is refused, or the server fails.
    ValueError
        If it is larger, or no UTF-8.
    """
    if file.scheme in HTTP:
        source = source_of(file)
        assert isinstance(source, HttpSource)
        content = fetch_whole(source, largest, body)
    else:
        ranged = ranged_file(file)
        content = ranged.read(0, largest + 1)
    if len(content) > largest:
        raise ValueError(f"{file} must be at most {largest >> 20} MiB, it is larger")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} must be a text in UTF-8: {error}") from error
