"""The tree of chunks of an HDF5 dataset (version 1 B-tree), read level by level.

HDF5 finds where a chunk lies by passing over all chunks before it, one request after the other on a server. Here the
nodes of a level that lead to the wanted chunks are fetched at the same time. Later kinds of indices lie in one piece,
of which HDF5 needs few blocks.

The layout is that of the HDF5 File Format Specification, version 3.0, section III.A.1.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, NamedTuple

from m3leo_sar.io.remote.chunk_index import Chunk
from m3leo_sar.io.remote.ranged_file import RangedFile
from m3leo_sar.io.remote.ranged_reader import RangedReader

_SIGNATURE = b"TREE\x01"
#: Signature, kind, level, number of children; then two addresses of neighbours.
_HEAD = struct.Struct("<4sBBH")
_DEEPEST = 16

#: First index of a chunk along each axis.
Start = tuple[int, ...]


class ChunkTree(NamedTuple):
    """Root of a dataset's tree, and the sizes in its file."""

    address: int
    node_bytes: int
    #: Axes of the dataset.
    axes: int
    #: Bytes of an address, and where address 0 lies.
    address_bytes: int
    base: int


class _Node(NamedTuple):
    level: int
    starts: list[Start]
    #: Bytes and filter mask of each child, if it is a chunk.
    facts: list[tuple[int, int]]
    children: list[int]


class _Found(Exception):
    """The root has been read."""


class TreeProbe(RangedReader):
    """A reader that notes the first node of a tree of chunks, and reads no further."""

    def __init__(self, file: RangedFile) -> None:
        super().__init__(file)
        self.root: tuple[int, int] | None = None

    def readinto(self, buffer: Any) -> int:
        """Read, unless it is such a node."""
        place = self.tell()
        count = super().readinto(buffer)
        view = memoryview(buffer).cast("B")
        if bytes(view[: len(_SIGNATURE)]) == _SIGNATURE and len(view) > 64:
            self.root = (place, len(view))
            raise _Found
        return count


def find_tree(file: RangedFile, name: str) -> ChunkTree | None:
    """Root of the tree of a dataset, None if its chunks are found in another way."""
    import h5py

    probe = TreeProbe(file)
    try:
        with h5py.File(probe, "r") as opened:
            dataset = opened[name]
            sizes = opened.id.get_create_plist().get_sizes()
            axes, base = len(dataset.shape), opened.userblock_size
            # Goes to the root first.
            dataset.id.get_num_chunks()
    except Exception as error:
        if probe.root is None:
            raise probe.fault or error from None
    if probe.root is None:
        return None
    return ChunkTree(*probe.root, axes, sizes[0], base)


def tree_chunks(file: RangedFile, tree: ChunkTree, wanted: Sequence[Start]) -> dict[Start, Chunk]:
    """Chunks of the leaves that some chunks are in; a chunk that is not among them was never written.

    Raises
    ------
    OSError
        If the server fails.
    ValueError
        If the tree is damaged.
    """
    found: dict[Start, Chunk] = {}
    addresses, level = [tree.address], None
    for _ in range(_DEEPEST):
        if not addresses:
            return found
        ranges = [(address, address + tree.node_bytes) for address in addresses]
        file.take(file.prefetch(ranges))
        nodes = [_node(file, tree, *one) for one in ranges]
        if any(node.level != (nodes[0].level if level is None else level - 1) for node in nodes):
            raise ValueError(f"{file.file} is damaged: its tree of chunks has levels out of order")
        level = nodes[0].level
        if level == 0:
            for node in nodes:
                for start, (size, mask), address in zip(node.starts, node.facts, node.children, strict=True):
                    found[start] = Chunk(address, size, mask)
            return found
        addresses = sorted({address for node in nodes for address in _towards(node, wanted)})
    raise ValueError(f"{file.file} is damaged: its tree of chunks is deeper than {_DEEPEST} levels")


def _towards(node: _Node, wanted: Sequence[Start]) -> set[int]:
    """Children that may lead to the wanted chunks."""
    places = {bisect_right(node.starts, start) - 1 for start in wanted}
    return {node.children[place] for place in places if place >= 0}


def _node(file: RangedFile, tree: ChunkTree, first: int, stop: int) -> _Node:
    data = file.read(first, stop)
    key = struct.Struct(f"<II{tree.axes + 1}Q")
    step, begin = key.size + tree.address_bytes, _HEAD.size + 2 * tree.address_bytes
    signature, kind, level, count = _HEAD.unpack_from(data) if len(data) >= _HEAD.size else (b"", 0, 0, 0)
    if (signature, kind) != (b"TREE", 1) or begin + count * step > len(data):
        raise ValueError(f"{file.file} is damaged: its tree of chunks has a node that is none")
    starts, facts, children = [], [], []
    for place in range(begin, begin + count * step, step):
        size, mask, *start = key.unpack_from(data, place)
        address = int.from_bytes(data[place + key.size : place + step], "little")
        starts.append(tuple(start[:-1]))
        facts.append((size, mask))
        children.append(address + tree.base)
    return _Node(level, starts, facts, children)
