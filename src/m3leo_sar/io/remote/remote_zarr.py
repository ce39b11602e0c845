"""Groups and arrays of Zarr on servers, v2 and v3: a read-only store for zarr.

A chunk that a server does not have holds the fill value.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import zarr
from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype

from m3leo_sar.io.remote.chunk_objects import ChunkObjects
from m3leo_sar.io.remote.open_remote import find_remote, node_at, ranged_file
from m3leo_sar.io.remote.ranged_file import RangedFile
from m3leo_sar.io.remote.remote_address import RemoteFile
from m3leo_sar.io.remote.zarr_documents import DOCUMENTS, V3, ZarrDocuments, find_document

# The store has a method named list.
_Buffers = list[Buffer | None]
_Shards = list[RangedFile | None]


class RemoteZarr(Store):
    """A group or an array on a server, of the version that its metadata had when it was opened.

    Parameters
    ----------
    root : RemoteFile
        Folder of the node.
    document : RangedFile
        A document of its metadata, or the consolidated metadata above it, whose version is that of the node.
    dataset : str
        Name of the node in the group whose metadata ``document`` is; empty for that group or array itself.
    listed : mapping of str to bytes, optional
        Documents of the node and of those below it, from consolidated metadata.
    """

    supports_writes = False
    supports_deletes = False
    supports_listing = True

    def __init__(
        self,
        root: RemoteFile,
        document: RangedFile,
        *,
        dataset: str = "",
        listed: Mapping[str, bytes] | None = None,
    ) -> None:
        super().__init__(read_only=True)
        self.root, self.document, self.dataset = root, document, dataset
        self.documents = ZarrDocuments(root, document, listed)
        self.objects = ChunkObjects(root, document.source)
        self._children: dict[str, RemoteZarr] = {}
        self._shards: dict[str, RangedFile | None] = {}
        self._array: Any = None
        self._lock = threading.RLock()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __str__(self) -> str:
        # zarr shows it in its messages.
        return str(self.root)

    __repr__ = __str__

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened_again, (self.root, self.documents.zarr_format)

    @property
    def array(self) -> Any:
        """The node as a zarr.Array; raises what zarr does if it is none."""
        if self._array is None:
            self._array = zarr.open_array(self, mode="r", zarr_format=self.documents.zarr_format)
        return self._array

    def child(self, name: str) -> RemoteZarr:
        """A node below this one; of consolidated metadata, without a request.

        Raises
        ------
        FileNotFoundError
            If there is none.
        OSError
            As :func:`remote_zarr`.
        """
        listed = self.documents.below(name)
        if listed is None:
            return _opened_again(self.root / name, self.documents.zarr_format)
        with self._lock:
            if name not in self._children:
                dataset = f"{self.dataset}/{name}".strip("/")
                self._children[name] = RemoteZarr(self.root / name, self.document, dataset=dataset, listed=listed)
            return self._children[name]

    def shards(self, keys: Iterable[str]) -> _Shards:
        """Files of shards, opened at the same time; None for one that the server does not have."""
        wanted = list(keys)
        new = [key for key in wanted if key not in self._shards]
        if new:
            # Of a shard, the index at its end or start is read, not its head.
            found = find_remote([self.root / key for key in new], head=1)
            self._shards.update(zip(new, found, strict=True))
        return [self._shards[key] for key in wanted]

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """Bytes of a document, a chunk, or a part of a shard, for zarr."""
        if key.rpartition("/")[2] in DOCUMENTS:
            data = await asyncio.to_thread(self.documents.get, key)
        elif byte_range is not None or key in self._shards:
            data = await asyncio.to_thread(self._part, key, byte_range)
        elif self.objects.is_at_hand(key):
            data = self.objects.get(key)
        else:
            data = await asyncio.to_thread(self.objects.get, key)
        return None if data is None else prototype.buffer.from_bytes(data)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> _Buffers:
        """As :meth:`get`, of several."""
        return list(await asyncio.gather(*(self.get(key, prototype, part) for key, part in key_ranges)))

    async def exists(self, key: str) -> bool:
        """Whether a document is there."""
        return await asyncio.to_thread(self.documents.get, key) is not None

    async def list(self) -> AsyncIterator[str]:
        """Documents that are known."""
        for key in self.documents.known():
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Documents below a prefix."""
        for key in self.documents.known():
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Arrays and groups right below a prefix."""
        for name in await asyncio.to_thread(self.documents.children, prefix.strip("/")):
            yield name

    async def set(self, key: str, value: Buffer) -> None:
        """Refused."""
        raise PermissionError(f"{self.root} is read only")

    async def delete(self, key: str) -> None:
        """Refused."""
        raise PermissionError(f"{self.root} is read only")

    def _part(self, key: str, byte_range: ByteRequest | None) -> bytes | None:
        (file,) = self.shards([key])
        if file is None:
            return None
        size = file.version.size
        if isinstance(byte_range, RangeByteRequest):
            return file.read(byte_range.start, byte_range.end)
        if isinstance(byte_range, SuffixByteRequest):
            return file.read(max(0, size - byte_range.suffix), size)
        return file.read(byte_range.offset if isinstance(byte_range, OffsetByteRequest) else 0, size)


def remote_zarr(root: RemoteFile, *, zarr_format: int | None = None, anew: bool = False) -> RemoteZarr | None:
    """The group or array at an address, None if there is none.

    Parameters
    ----------
    root : RemoteFile
    zarr_format : int, optional
        2 or 3, if it is known.
    anew : bool
        Whether to ask the server if a node that is open already has changed.

    Raises
    ------
    PermissionError, OSError
        If access is refused or the server fails.
    """
    with node_at(root) as nodes:
        known: RemoteZarr | None = nodes.get(root.url)
        if known is not None and anew:
            find_remote([known.document.file])
        if known is None or ranged_file(known.document.file) is not known.document:
            document = find_document(root, zarr_format)
            if document is None:
                nodes.pop(root.url, None)
                return None
            known = nodes[root.url] = RemoteZarr(root, document)
        return known


def open_nodes(roots: Iterable[RemoteFile]) -> None:
    """Open nodes of Zarr v3 at the same time, or ask whether they have changed; missing ones are left out."""
    find_remote([root / V3 for root in roots])


def documents_of(root: RemoteFile) -> tuple[RemoteFile, ...]:
    """The document that states the version of a node, none if there is no node."""
    found = remote_zarr(root)
    return () if found is None else (found.document.file,)


def _opened_again(root: RemoteFile, zarr_format: int) -> RemoteZarr:
    found = remote_zarr(root, zarr_format=zarr_format)
    if found is None:
        raise FileNotFoundError(f"there is no Zarr array or group {root}")
    return found
