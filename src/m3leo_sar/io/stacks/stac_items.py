"""STAC items of a file or of a STAC API, whose answer comes in pages; PySTAC reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from m3leo_sar.io.files.limits import read_text
from m3leo_sar.io.remote.remote_address import HTTP, AnyFile, RemoteFile, full_address, is_remote

#: Most bytes of a page, and most pages of an answer.
LARGEST_LIST = 256 << 20
_PAGES = 10_000
#: Entries without which PySTAC refuses an item, and that no stack needs.
_MISSING: Mapping[str, Any] = {"type": "Feature", "stac_version": "1.0.0", "geometry": None, "links": (), "assets": {}}


class _Page(NamedTuple):
    """A page, and the JSON to send for it if it is asked for by POST."""

    file: AnyFile
    body: Any = None


def read_stac_items(file: AnyFile) -> Iterator[tuple[AnyFile, Any]]:
    """Items of a document (an item, a feature collection or a list of items) and of the pages after it.

    Yields
    ------
    page : Path or RemoteFile
        The document that holds the item, which its references are relative to.
    item : pystac.Item

    Raises
    ------
    FileNotFoundError, PermissionError, OSError
        If a page cannot be read.
    ValueError
        If a page holds no items, or links between pages lead in a circle or to no page.
    """
    page: _Page | None = _Page(file)
    read: set[str] = set()
    while page is not None:
        key = f"{full_address(page.file)} {json.dumps(page.body, sort_keys=True)}"
        if key in read or len(read) >= _PAGES:
            raise ValueError(f"{file} has no last page: its links 'next' lead back to {page.file}")
        read.add(key)
        place = page.file
        try:
            document = json.loads(text_of_list(page.file, body=page.body))
            for entry in _entries(document):
                yield place, _item(entry)
            page = _next(page, document)
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"{place} holds no STAC items: {type(error).__name__} {error}") from error


def text_of_list(file: AnyFile, *, body: Any = None) -> str:
    """Text of a list of products; ``body`` is that of a request to a server."""
    if not isinstance(file, RemoteFile):
        return read_text(file, largest=LARGEST_LIST)
    # Imported here: files of this machine need no requests.
    from m3leo_sar.io.remote.remote_text import read_remote_text

    return read_remote_text(file, largest=LARGEST_LIST, body=body)


def _entries(document: Any) -> list[Any]:
    return list(document.get("features", [document])) if isinstance(document, dict) else list(document)


def _item(entry: Mapping[str, Any]) -> Any:
    """An item by PySTAC, which brings those of earlier versions of STAC up to date."""
    import pystac

    given = {**_MISSING, **entry, "properties": dict(entry["properties"])}
    given["links"] = list(given["links"] or ())
    times = given["properties"]
    # An item may cover a time span of which it states the start alone.
    if times.get("datetime") is None:
        if times.get("start_datetime") is None:
            raise ValueError(f"item {entry.get('id')} must have a datetime or a start_datetime, it has none")
        times.setdefault("end_datetime", times["start_datetime"])
    try:
        return pystac.Item.from_dict(given, preserve_dict=False)
    except (pystac.STACError, ValueError) as error:
        raise ValueError(f"item {entry.get('id')} cannot be read: {error}") from error


def _next(page: _Page, document: Any) -> _Page | None:
    """The page to which a link 'next' leads."""
    links = document.get("links") or () if isinstance(document, dict) else ()
    link = next((link for link in links if link.get("rel") == "next"), None)
    if link is None:
        return None
    file = _place(page.file, str(link["href"]))
    if str(link.get("method", "GET")).upper() != "POST":
        return _Page(file)
    body = dict(link.get("body") or {})
    # The rest of the request stays as it was.
    return _Page(file, {**(page.body or {}), **body} if link.get("merge") else body)


def _place(page: AnyFile, href: str) -> AnyFile:
    """File that a link of a page leads to: a page of a server never to a file of this machine."""
    if is_remote(href):
        file = RemoteFile(href)
    elif isinstance(page, RemoteFile) and "://" not in href:
        file = page.joined(href)
    elif "://" not in href:
        return page.parent / Path(href)
    else:
        raise ValueError(f"{page}: its link 'next' must lead to a page on a web server, got {href!r}")
    if file.scheme not in HTTP:
        raise ValueError(f"{page}: its link 'next' must lead to a page on a web server, got {file}")
    return file
