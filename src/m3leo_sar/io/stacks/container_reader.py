"""The table entry of our own Zarr container of a stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from m3leo_sar.io.stacks.stack_labels import LabelRaster, label_folders, open_label
from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product, StackReader
from m3leo_sar.io.stacks.with_nodata import with_nodata
from m3leo_sar.io.stacks.zarr_stack import is_stack, read_stack, stack_polarisations
from m3leo_sar.stack.polarisation import joined_polarisations, parse_polarisations
from m3leo_sar.stack.slc import SlcStack


def _find(path: Path) -> list[Path]:
    return [path] if path.is_dir() and is_stack(path) else []


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


def _files(place: Path, stack: SlcStack) -> dict[str, tuple[Path, ...]]:
    files: dict[str, tuple[Path, ...]] = {}
    for date in stack.dates:
        folder = place / f"{date:%Y%m%d}"
        several = len(stack.polarisations) > 1
        for one in stack.polarisations:
            # Another polarisation of the date, added later, changes nothing here.
            array = folder / one if (folder / one).is_dir() else folder
            files[f"{one}/{folder.name}" if several else folder.name] = (array,)
    # The root holds the positions of the pixels, or for radar geometry a folder of its own.
    files["geometry"] = tuple(path for path in (place / "zarr.json", place / "geometry") if path.exists())
    return files | {f"label-{name}": (entry,) for name, entry in label_folders(place).items()}


def _labels(place: Path) -> Mapping[str, LabelRaster]:
    return {name: open_label(folder) for name, folder in label_folders(place).items()}


CONTAINER = StackReader(
    name="container",
    holds="our Zarr container",
    expects="a folder that m3leo-sar wrote",
    find=_find,
    open=_open,
)
