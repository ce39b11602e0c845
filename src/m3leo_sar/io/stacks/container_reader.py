"""The table entry of our own Zarr container of a stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.files.zarr_products import documents_at
from m3leo_sar.io.remote.remote_address import AnyFile, RemoteFile
from m3leo_sar.io.stacks.stack_labels import LabelRaster, label_folders, open_label
from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product, StackReader
from m3leo_sar.io.stacks.with_nodata import with_nodata
from m3leo_sar.io.stacks.zarr_stack import is_stack, read_stack, stack_polarisations
from m3leo_sar.stack.polarisation import joined_polarisations, parse_polarisations
from m3leo_sar.stack.slc import SlcStack


def _find(path: AnyFile) -> list[AnyFile]:
    return [path] if (isinstance(path, RemoteFile) or path.is_dir()) and is_stack(path) else []


def _open(products: Sequence[Product], choice: Choice) -> OpenedStack:
    folder = products[0].path
    place = folder.resolve()
    held = stack_polarisations(place)
    if choice.polarisation and not set(parse_polarisations(choice.polarisation)) <= set(held):
        named = joined_polarisations(held)
        raise ValueError(f"{folder} is a container of one stack, {named}; it has no polarisation {choice.polarisation}")
    stack = read_stack(place, polarisation=choice.polarisation)
    for name in ("burst", "frequency"):
        if getattr(choice, name) not in (None, getattr(stack, name)):
            raise ValueError(
                f"{folder} is a container of one stack, {stack.polarisation}; it has no {name} {getattr(choice, name)}"
            )
    return OpenedStack(
        stack=with_nodata(stack, choice.nodata),
        products=(Product(place),),
        files=lambda: _files(place, stack),
        chosen=Choice(polarisation=stack.polarisation, nodata=choice.nodata),
        polarisations=held,
        labels=lambda: _labels(place),
    )


def _files(place: AnyFile, stack: SlcStack) -> dict[str, tuple[AnyFile, ...]]:
    files: dict[str, tuple[AnyFile, ...]] = {}
    for date in stack.dates:
        folder = place / f"{date:%Y%m%d}"
        several = len(stack.polarisations) > 1
        for one in stack.polarisations:
            # Another polarisation of the date, added later, changes nothing here.
            files[f"{one}/{folder.name}" if several else folder.name] = _documents(folder, one)
    if isinstance(place, Path):
        # The root holds the positions of the pixels, or for radar geometry a folder of its own.
        files["geometry"] = tuple(path for path in (place / "zarr.json", place / "geometry") if path.exists())
    elif not isinstance(stack.geometry, GeoBox):
        # The document of the root changes with every date, as it lists them all.
        files["geometry"] = documents_at(place / "geometry")
    return files | {
        f"label-{name}": documents_at(entry / "label" if isinstance(entry, RemoteFile) else entry)
        for name, entry in label_folders(place).items()
    }


def _documents(folder: AnyFile, polarisation: str) -> tuple[AnyFile, ...]:
    """The array of a date, or the whole date where it has another name."""
    if isinstance(folder, RemoteFile):
        return documents_at(folder / polarisation) or documents_at(folder)
    return (folder / polarisation if (folder / polarisation).is_dir() else folder,)


def _labels(place: AnyFile) -> Mapping[str, LabelRaster]:
    return {name: open_label(folder) for name, folder in label_folders(place).items()}


CONTAINER = StackReader(
    name="container",
    holds="our Zarr container",
    expects="a folder that m3leo-sar wrote",
    find=_find,
    open=_open,
    is_far=True,
    is_store=True,
)
