"""Metadata documents of a Zarr group or array on a server, of v2 and v3.

A web server lists nothing, so that the members of a group come from its consolidated metadata; an object store is asked
for the folders below it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from m3leo_sar.io.remote.object_source import list_folders
from m3leo_sar.io.remote.open_remote import find_remote
from m3leo_sar.io.remote.ranged_file import RangedFile
from m3leo_sar.io.remote.remote_address import HTTP, RemoteFile

#: Names of documents: that of v3, and those of v2.
V3, CONSOLIDATED, ARRAY, GROUP, ATTRIBUTES = "zarr.json", ".zmetadata", ".zarray", ".zgroup", ".zattrs"
DOCUMENTS = (V3, CONSOLIDATED, ARRAY, GROUP, ATTRIBUTES)
#: Those of which a node of either version has one.
_V2: tuple[str, ...] = (CONSOLIDATED, ARRAY, GROUP)
_V3: tuple[str, ...] = (V3,)
#: Entry of the consolidated metadata of v3.
_LISTED = "consolidated_metadata"


class ZarrDocuments:
    """Documents of a node and of those below it, by their path in it.

    Parameters
    ----------
    root : RemoteFile
        Folder of the node.
    document : RangedFile
        A document of its metadata, or the consolidated metadata above it.
    listed : mapping of str to bytes, optional
        All documents of the node and of those below it, as consolidated metadata above it have them.
    """

    def __init__(self, root: RemoteFile, document: RangedFile, listed: Mapping[str, bytes] | None = None) -> None:
        self.root = root
        #: 2 or 3; zarr takes these numbers only.
        self.zarr_format: Any = 3 if document.file.name == V3 else 2
        self._is_confirmed = listed is None
        self._held: dict[str, bytes | None] = dict(listed or {})
        own = {} if listed is not None else _listed_in(document)
        self._held |= own
        if listed is None:
            self._held[document.file.name] = document.read(0, document.version.size)
        self._is_complete = bool(own) or listed is not None

    def get(self, key: str) -> bytes | None:
        """A document, None if there is none.

        Raises
        ------
        OSError
            If the server fails.
        """
        if key not in self._held:
            # A list of all documents lacks those that there are not.
            is_known = self._is_complete or (self.zarr_format == 3 and key.rpartition("/")[2] != V3)
            file = None if is_known else find_remote([self.root / key], again=False)[0]
            self._held[key] = None if file is None else file.read(0, file.version.size)
        return self._held[key]

    def known(self) -> list[str]:
        """Documents that are known to be there."""
        return [key for key, content in self._held.items() if content is not None]

    def metadata(self, name: str = "") -> dict[str, Any]:
        """Metadata of the node, or of an array or group below it, as one mapping; empty if there is none."""
        prefix = f"{name}/" if name else ""
        found: dict[str, Any] = {}
        for key in (V3,) if self.zarr_format == 3 else (GROUP, ARRAY, ATTRIBUTES):
            content = self.get(prefix + key)
            if content is not None:
                found |= {"attributes": json.loads(content)} if key == ATTRIBUTES else json.loads(content)
        return found

    def below(self, name: str) -> dict[str, bytes] | None:
        """All documents of a node below this one, None if the consolidated metadata do not have them."""
        prefix = f"{name}/"
        found = {key.removeprefix(prefix): content for key, content in self._held.items() if key.startswith(prefix)}
        known = {key: content for key, content in found.items() if content is not None}
        return known if known and self._is_complete else None

    def children(self, name: str = "") -> list[str]:
        """Names of the arrays and groups right below the node or below a group in it, sorted.

        Raises
        ------
        OSError
            If an object store cannot be listed.
        ValueError
            If nothing says so: the server lists no folders, and there is no consolidated metadata.
        """
        if self._is_complete:
            prefix = f"{name}/" if name else ""
            below = (key.removeprefix(prefix) for key in self.known() if key.startswith(prefix))
            return sorted({key.partition("/")[0] for key in below if "/" in key})
        if self.root.scheme in HTTP:
            raise ValueError(
                f"{self.root} names no arrays: it has no consolidated metadata, and a web server lists no folders; "
                "write them on the machine that holds the store, with zarr.consolidate_metadata"
            )
        return list_folders(self.root / name if name else self.root)

    def confirm(self) -> None:
        """Ask for the metadata of an array that only the consolidated metadata have named so far.

        Otherwise one that was removed since would hold nothing but the fill value.

        Raises
        ------
        ValueError
            If the server has no such array, or another one.
        """
        if self._is_confirmed:
            return
        name = V3 if self.zarr_format == 3 else ARRAY
        (found,) = find_remote([self.root / name], again=False)
        if found is None or not _is_same(found.read(0, found.version.size), self._held.get(name) or b""):
            raise ValueError(
                f"the consolidated metadata above {self.root} are out of date, they name "
                f"{'an array that is gone' if found is None else 'another array'}; write them again with "
                "zarr.consolidate_metadata"
            )
        self._is_confirmed = True


def find_document(root: RemoteFile, zarr_format: int | None) -> RangedFile | None:
    """The document of a node's metadata, that of all nodes below it if there is one; None if there is no node.

    Parameters
    ----------
    root : RemoteFile
    zarr_format : int or None
        2 or 3, if it is known.

    Raises
    ------
    PermissionError, OSError
        If access is refused or the server fails.
    """
    refused: list[PermissionError] = []
    kinds = {2: (_V2,), 3: (_V3,)}.get(zarr_format or 0, (_V3, _V2))
    for names in kinds:
        for found in _tried([root / name for name in names], refused):
            if found is not None and _is_document(found):
                return found
    if refused:
        raise refused[0]
    return None


def _tried(files: list[RemoteFile], refused: list[PermissionError]) -> list[RangedFile | None]:
    """Files that are there, at the same time; refusals are noted: a bucket may refuse files that it does not have."""
    try:
        return find_remote(files, again=False)
    except PermissionError as error:
        if len(files) > 1:
            return [found for file in files for found in _tried([file], refused)]
        refused.append(error)
        return [None]


def _listed_in(document: RangedFile) -> dict[str, bytes]:
    """Documents in consolidated metadata, none if there are none."""
    try:
        content = json.loads(document.read(0, document.version.size))
        if document.file.name == V3:
            listed = {f"{name}/{V3}": value for name, value in content[_LISTED]["metadata"].items()}
        else:
            listed = content["metadata"]
        # zarr 3.1 gives each group an empty list of its own, which would hide what is below it.
        plain = {key: {name: part for name, part in value.items() if name != _LISTED} for key, value in listed.items()}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}
    return {key: json.dumps(value).encode() for key, value in plain.items()}


def _is_document(file: RangedFile) -> bool:
    """Whether a file is metadata of Zarr: some servers have a page for each address."""
    try:
        content = json.loads(file.read(0, file.version.size))
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and not {"zarr_format", "zarr_consolidated_format"}.isdisjoint(content)


def _is_same(first: bytes, second: bytes) -> bool:
    """Whether two documents are the same metadata."""
    try:
        one, other = json.loads(first), json.loads(second)
    except (ValueError, RecursionError):
        return False
    return bool({**one, _LISTED: None} == {**other, _LISTED: None})
