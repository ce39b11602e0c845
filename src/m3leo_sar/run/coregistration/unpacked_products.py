"""Zips of one date unpacked for as long as they are read: a window of a zip costs as much as all before it."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from m3leo_sar.io.files.atomic import partial_path
from m3leo_sar.io.sentinel1.product import open_product

#: Bytes that are copied at once.
_PIECE = 1 << 22


@contextmanager
def unpacked(images: Sequence[Any], folder: Path) -> Iterator[list[Any]]:
    """The bursts of products, those of zips from a temporary folder that is removed afterwards.

    Parameters
    ----------
    images : sequence of SafeBurst
    folder : Path
        Where the temporary folder is made; only the measurements of the given bursts are unpacked.

    Raises
    ------
    ValueError
        If a zip is damaged.
    OSError
        If the disk is full.
    """
    zips = list(dict.fromkeys(Path(image.product) for image in images if Path(image.product).is_file()))
    if not zips:
        yield list(images)
        return
    place = partial_path(folder / "unpacked")
    place.mkdir(parents=True, exist_ok=True)
    try:
        opened = {archive: _opened(archive, [one for one in images if Path(one.product) == archive], place)
                  for archive in zips}  # fmt: skip
        yield [_same(image, opened[Path(image.product)]) if Path(image.product) in opened else image
               for image in images]  # fmt: skip
    finally:
        shutil.rmtree(place, ignore_errors=True)


def unpacked_bytes(images: Sequence[Any]) -> int:
    """Bytes on disk that :func:`unpacked` takes for bursts of one date."""
    found = {
        (Path(image.product), image.swath, image.polarisation): image
        for image in images
        if Path(image.product).is_file()
    }
    return sum(4 * len(one.annotation.bursts) * one.annotation.lines * one.annotation.samples for one in found.values())


def _opened(archive: Path, images: Sequence[Any], place: Path) -> Mapping[tuple[Any, str], Any]:
    wanted = {f"-{image.swath.lower()}-slc-{image.polarisation.lower()}-" for image in images}
    target = Path(tempfile.mkdtemp(dir=place))
    try:
        with zipfile.ZipFile(archive) as held:
            for entry in held.infolist():
                name = PurePosixPath(entry.filename)
                if entry.is_dir() or name.is_absolute() or ".." in name.parts:
                    continue
                is_pixels = "measurement" in name.parts
                if is_pixels and not any(word in name.name for word in wanted):
                    continue
                (target / name.parent).mkdir(parents=True, exist_ok=True)
                with held.open(entry) as source, open(target / name, "wb") as sink:
                    shutil.copyfileobj(source, sink, _PIECE)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{archive.name} is damaged: {error}") from error
    product = open_product(next(iter(sorted(target.iterdir()))))
    return {(burst.identifier, burst.polarisation): burst for burst in product.bursts}


def _same(image: Any, held: Mapping[tuple[Any, str], Any]) -> Any:
    return held[image.identifier, image.polarisation]
