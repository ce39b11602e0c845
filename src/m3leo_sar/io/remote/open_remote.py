"""Files on servers that this process has open, and the index that it keeps of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from m3leo_sar.io.remote.chunk_index import INDEX, ChunkIndex
from m3leo_sar.io.remote.collection_pause import pause
from m3leo_sar.io.remote.piece_cache import pieces
from m3leo_sar.io.remote.ranged_file import BLOCK, RangedFile
from m3leo_sar.io.remote.remote_address import RemoteFile
from m3leo_sar.io.remote.remote_transfer import Part, Source, fetch_each, source_of

#: Variable that names a folder for the index.
FOLDER = "M3LEO_SAR_REMOTE_INDEX"
#: Bytes of the first request to a file: most headers lie there.
_HEAD = 4 * BLOCK
#: Bytes at the end of HDF5 files, whose writers add coordinates and metadata after the pixels; and their suffixes.
_TAIL = 4 * BLOCK
_HDF5 = (".h5", ".hdf5", ".he5")


class _Open:
    """State of this process."""

    def __init__(self) -> None:
        self.files: dict[str, RangedFile] = {}
        #: Nodes of Zarr by their address, and who opens one.
        self.nodes: dict[str, Any] = {}
        self.opening: dict[str, threading.RLock] = {}
        self.index: ChunkIndex | None = None
        #: Whether files are opened as the index describes them, without a request.
        self.is_trusted = False
        self.lock = threading.RLock()


_open = _Open()


def open_remote(files: Sequence[RemoteFile]) -> list[RangedFile]:
    """Open files at the same time; of files that are open already, ask whether they have changed.

    Raises
    ------
    FileNotFoundError, PermissionError, OSError
        If there is no such file, access is refused, or the server fails or serves no ranges.
    """
    with pause.during():
        missing = _open_all(files, _HEAD)
    for fault in missing.values():
        raise fault
    return [_open.files[file.url] for file in files]


def find_remote(files: Sequence[RemoteFile], *, head: int = _HEAD, again: bool = True) -> list[RangedFile | None]:
    """As :func:`open_remote`, with None for a file that the server does not have.

    Parameters
    ----------
    files : sequence of RemoteFile
    head : int
        Bytes of the first request to a file.
    again : bool
        Whether to ask if files that are open already have changed.
    """
    with pause.during():
        missing = _open_all([file for file in files if again or file.url not in _open.files], head)
    return [None if file.url in missing else _open.files[file.url] for file in files]


@contextmanager
def node_at(root: RemoteFile) -> Iterator[dict[str, Any]]:
    """Nodes of Zarr hierarchies that this process has open, by their address; one thread at a time opens a node."""
    with _open.opening.setdefault(root.url, threading.RLock()):
        yield _open.nodes


def _open_all(files: Sequence[RemoteFile], head: int) -> dict[str, FileNotFoundError]:
    """Open files; returns the faults of those that are not there, by their address."""
    unknown = [file for file in dict.fromkeys(files) if not _is_known(file)]
    wanted = [(0, 1) if file.url in _open.files else (0, head) for file in unknown]
    sources = _sources(unknown)
    parts = fetch_each(sources, wanted) if unknown else []
    missing = {}
    new = []
    for source, part in zip(sources, parts, strict=True):
        if isinstance(part, FileNotFoundError):
            missing[source.file.url] = part
        else:
            new.append(_opened(source, _part_of(part)))
    _fetch_tails([file for file in new if file is not None])
    return missing


def _sources(files: Sequence[RemoteFile]) -> list[Source]:
    """Readers of files; those of one server or bucket share its connections."""
    first: dict[str, Source] = {}
    found = []
    for file in files:
        known = first.get(file.server)
        found.append(source_of(file) if known is None else known.beside(file))
        first.setdefault(file.server, found[-1])
    return found


def _fetch_tails(files: Sequence[RangedFile]) -> None:
    """Fetch the ends of HDF5 files, at the same time: what was written after the pixels is asked for piece by piece."""
    starts = {
        file: max(_HEAD, (file.version.size - _TAIL) // BLOCK * BLOCK)
        for file in files
        if file.file.suffix.lower() in _HDF5 and file.version.size > _HEAD
    }
    if starts:
        wanted = [(first, file.version.size) for file, first in starts.items()]
        for (file, first), part in zip(
            starts.items(), fetch_each([file.source for file in starts], wanted), strict=True
        ):
            file.keep(first, _part_of(part))


def _part_of(part: Part | Exception) -> Part:
    if isinstance(part, Exception):
        raise part
    return part


def ranged_file(file: RemoteFile) -> RangedFile:
    """A file that is open, or is opened now; raises as :func:`open_remote`."""
    found = _open.files.get(file.url)
    return open_remote([file])[0] if found is None else found


def use_index(path: str | os.PathLike[str], *, is_trusted: bool = False) -> None:
    """Keep the index of this process in a file, with all that it holds so far.

    Parameters
    ----------
    path : path
    is_trusted : bool
        Whether files that the index holds are opened without a request: a worker's parent has just read them.
        A file that has changed since is then refused by the first range that is read of it.

    Raises
    ------
    ValueError, OSError
        As :class:`m3leo_sar.io.remote.chunk_index.ChunkIndex`.
    """
    place = Path(path)
    with _open.lock:
        # A job in the process of its run finds the run's own index.
        if _open.index is not None and _open.index.path == place:
            return
        index = ChunkIndex(place)
        if _open.index is not None:
            index.add(_open.index)
        _replace(index)
        _open.is_trusted = is_trusted


@contextmanager
def index_at(path: Path) -> Iterator[Path]:
    """Keep the index of this process in a file inside the block; raises as :func:`use_index`.

    Yields
    ------
    Path
        The file, or the one in the folder that the user names for all runs.
    """
    kept = _index().path
    if kept is not None:
        yield kept
        return
    use_index(path)
    try:
        yield path
    finally:
        with _open.lock:
            _replace(_new_index())


def _replace(index: ChunkIndex) -> None:
    before, _open.index = _open.index, index
    for file in _open.files.values():
        file.index = index
    if before is not None:
        before.close()


def forget_all() -> None:
    """Close all files and the index of this process."""
    with _open.lock:
        _open.files.clear()
        _open.nodes.clear()
        if _open.index is not None:
            _open.index.close()
        _open.index, _open.is_trusted = None, False


def start_anew() -> None:
    """Forget all files without closing them: those of a parent, whose locks and database a fork must not use."""
    _open.__init__()  # type: ignore[misc]
    pieces.__init__()  # type: ignore[misc]
    pause.reset()


os.register_at_fork(after_in_child=start_anew)


def _index() -> ChunkIndex:
    with _open.lock:
        if _open.index is None:
            _open.index = _new_index()
        return _open.index


def _new_index() -> ChunkIndex:
    folder = os.environ.get(FOLDER)
    return ChunkIndex(Path(folder) / INDEX if folder else None)


def _is_known(file: RemoteFile) -> bool:
    """Whether a file need not be asked for: a worker opens it as the index describes it."""
    if not _open.is_trusted:
        return False
    if file.url in _open.files:
        return True
    version = _index().version(file.identity)
    if version is None:
        return False
    with _open.lock:
        _open.files[file.url] = RangedFile(file, source_of(file), version, _index())
    return True


def _opened(source: Source, part: Part) -> RangedFile | None:
    """The file if it is new, or new in this version."""
    file, (head, version) = source.file, part
    with _open.lock:
        index, known = _index(), _open.files.get(file.url)
        index.begin(file.identity, version)
        if known is not None and known.version.is_same(version):
            return None
        new = RangedFile(file, source, version, index)
        # Of a file that was open in another version, there is one byte only.
        if len(head) == min(_HEAD, version.size):
            new.keep(0, part)
        _open.files[file.url] = new
        return new
