"""A stack and the files it is made of: a folder, STAC items, or a CSV of products."""

from __future__ import annotations

import datetime
import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from m3leo_sar._machine import available_cpus
from m3leo_sar.io.files.atomic import PARTIAL
from m3leo_sar.io.files.zarr_products import is_zarr
from m3leo_sar.io.remote.remote_address import HTTP, AnyFile, RemoteFile, file_at, full_address
from m3leo_sar.io.stacks.acquisition_name import RASTER_SUFFIXES
from m3leo_sar.io.stacks.cslc_name import burst_name, parse_cslc_name
from m3leo_sar.io.stacks.image_choice import SeveralBursts
from m3leo_sar.io.stacks.product_list import csv_products, stac_products
from m3leo_sar.io.stacks.registry import open_products, reader_named, reader_of_files, recognise
from m3leo_sar.io.stacks.stack_files import StackPath
from m3leo_sar.io.stacks.stack_labels import LabelRaster
from m3leo_sar.io.stacks.stack_reader import Choice, Product, StackReader
from m3leo_sar.io.stacks.zarr_stack import is_stack, stack_polarisations
from m3leo_sar.products.flattening import flat_stack, with_word
from m3leo_sar.products.recipe import Origin
from m3leo_sar.stack.burst_set import BurstSet, burst_label
from m3leo_sar.stack.pairs import parse_date
from m3leo_sar.stack.polarisation import POLARISATIONS, joined_polarisations, parse_polarisations
from m3leo_sar.stack.slc import SlcStack
from m3leo_sar.stack.stack_join import join_polarisations

#: Most rows or columns of an image; a header with more is damaged or hostile.
LARGEST_SIDE = 1 << 20
#: Most files read at once for their checksums.
_READERS = 8
#: Suffixes of lists of products, and of products.
_LISTS = (".json", ".geojson", ".csv")
_PIXELS = (*RASTER_SUFFIXES, ".h5", ".hdf5", ".he5", ".zarr")
#: Last words of an address at which a STAC API searches.
_SEARCHES = ("search", "items")
#: Choices among the products that are plain values.
_CHOICES = ("burst", "polarisation", "frequency", "nodata")
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """A stack and the files behind it.

    Parameters
    ----------
    stack : SlcStack or BurstSet
    inputs : mapping of str to tuple of Path or RemoteFile
        Files or folders behind each date (``YYYYMMDD``; ``VV/YYYYMMDD`` with several polarisations), each label
        (``label-NAME``) and the ``geometry``.
    source : mapping
        Plain values from which :func:`reopen` opens the same stack in another process.
    """

    stack: SlcStack | BurstSet
    inputs: Mapping[str, tuple[AnyFile, ...]]
    source: Mapping[str, Any]

    @property
    def labels(self) -> list[str]:
        """Names of the label rasters."""
        return [name.removeprefix("label-") for name in self.inputs if name.startswith("label-")]

    @property
    def is_far(self) -> bool:
        """Whether a file lies on a server."""
        return any(isinstance(path, RemoteFile) for paths in self.inputs.values() for path in paths)

    def origin(
        self,
        names: Iterable[str],
        checksum: Callable[[Any, threading.Event], tuple[str, str]],
        *,
        progress: Callable[[], Any] | None = None,
    ) -> tuple[Origin, dict[str, str]]:
        """Checksums and names of some inputs, and the signature of each file when its checksum was taken.

        Parameters
        ----------
        names : iterable of str
            Keys of ``inputs``; other names are ignored.
        checksum : callable
            Gives the signature and checksum of a file, such as
            :meth:`m3leo_sar.io.chips.chip_ledger.ChipLedger.checksum`;
            it is called from several threads and must stop when the event is set.
        progress : callable, optional
            Called after each file.

        Raises
        ------
        OSError
            If a file is gone or cannot be read.
        """
        wanted = [name for name in names if name in self.inputs]
        signatures, digests = {}, {}
        paths = list(dict.fromkeys(path for name in wanted for path in self.inputs[name]))
        stop = threading.Event()
        with ThreadPoolExecutor(min(available_cpus(), _READERS)) as pool:
            try:
                futures = {pool.submit(checksum, path, stop): path for path in paths}
                for future in as_completed(futures):
                    path = futures[future]
                    signatures[full_address(path)], digests[path] = future.result()
                    if progress:
                        progress()
            except BaseException:
                # A file of gigabytes, or a slow disk, must not delay an interrupt.
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        # Another no-data value, and flattening, give other chips from the same files.
        stated = f" nodata {self.source['nodata']}" if self.source.get("nodata") is not None else ""
        stated += " flattened" if self.source.get("flatten") else ""
        checksums = {
            name: "sha256:"
            + " ".join(digests[path] for path in self.inputs[name])
            + (stated if name.rpartition("/")[2].isdigit() else "")
            for name in wanted
        }
        return Origin(checksums, {name: _short_name(self.inputs[name][0]) for name in wanted}), signatures


def _short_name(path: AnyFile) -> str:
    """Name of an input; of an array of our container, with its date."""
    if isinstance(path, RemoteFile):
        from m3leo_sar.io.remote.zarr_documents import DOCUMENTS

        path = path.parent if path.name in DOCUMENTS else path
    return f"{path.parent.name}/{path.name}" if path.name in POLARISATIONS else path.name


def open_catalogue(
    path: StackPath,
    *,
    burst: str | None = None,
    polarisation: str | None = None,
    nodata: float | None = None,
    reader: str | None = None,
    frequency: str | None = None,
    needs_positions: bool = True,
) -> Catalogue:
    """Open a stack together with the files behind it.

    Parameters
    ----------
    path : path
        A path as :func:`m3leo_sar.io.stacks.open_stack.open_stack` takes it; a JSON file of STAC items (an item, a
        feature collection or a list) or the search of a STAC API, of which all pages are read; or a CSV with a column
        ``path`` and, if the files do not state them, ``date``, ``polarisation``, ``burst``, ``orbit``, ``track``. Paths
        are relative to the file. Lists and the files that they name may lie on servers.
    burst : str, optional
        Burst, or several as ``"A+B"``; by default all, as one set if there are several of one track.
    polarisation : str, optional
        Polarisation, if there are several; ``"VV+VH"`` for a stack of several.
    nodata : float, optional
        No-data value, in addition to NaN and the files' own.
    reader : str, optional
        Your own reader, as in :func:`m3leo_sar.io.stacks.open_stack.open_stack`.
    frequency : str, optional
        Frequency band of NISAR, if there are several.
    needs_positions : bool
        False to open one burst whose files state no position of their pixels too, for its dates.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``, or a file it names is not there.
    ValueError
        If it is none of these, its bursts are of several tracks, it is damaged, or an image has more than
        :data:`LARGEST_SIDE` rows or columns.
    PermissionError, OSError
        If a server refuses access, serves no ranges, or fails.
    """
    choice = Choice(
        burst=burst,
        polarisation=polarisation,
        frequency=frequency,
        nodata=nodata,
        needs_positions=needs_positions,
    )
    inside = [] if reader is not None else containers_in(path)
    found = _of_containers(Path(path), inside, choice) if inside else _of_products(path, choice, reader)  # type: ignore[arg-type]
    rows, cols = found.stack.shape[1:] if isinstance(found.stack, SlcStack) else found.stack.largest_shape
    if max(rows, cols) > LARGEST_SIDE:
        raise ValueError(f"{found.stack.name} must have at most {LARGEST_SIDE} rows and columns, got {rows} x {cols}")
    _LOGGER.info("opened %s by reader %s: %s", found.stack.name, found.source.get("reader", "container"), found.stack)
    return found


def _of_products(path: StackPath, choice: Choice, reader: str | None) -> Catalogue:
    wanted = parse_polarisations(choice.polarisation) if choice.polarisation else (None,)
    # Items of a list may have one asset per polarisation, so that the products of each are others.
    found = {one: _found(path, replace(choice, polarisation=one, burst=None), reader) for one in wanted}
    bursts = _bursts_of(next(iter(found.values()))[1], choice.burst)
    # Bursts are laid side by side by their positions.
    choice = replace(choice, needs_positions=choice.needs_positions or len(bursts) > 1)

    def of_burst(burst: str | None) -> Catalogue:
        parts = [
            _catalogue(entry, products, replace(choice, polarisation=one, burst=burst))
            for one, (entry, products) in found.items()
        ]
        return parts[0] if len(parts) == 1 else _joined(parts)

    if bursts == [None]:
        try:
            return of_burst(None)
        except SeveralBursts as found_bursts:
            # Frames in two zones, or swaths: the files state them, their names do not.
            bursts = [*found_bursts.names]
            choice = replace(choice, needs_positions=True)
    return of_burst(bursts[0]) if len(bursts) == 1 else catalogue_of_bursts([of_burst(one) for one in bursts])


def _found(path: StackPath, choice: Choice, reader: str | None) -> tuple[StackReader, list[Product]]:
    """Reader and products of a path."""
    place = _list_at(path) if reader is None else None
    if place is not None:
        is_table = place.suffix.lower() == ".csv"
        products = _kept(
            csv_products(place) if is_table else stac_products(place, choice.polarisation), str(place), choice
        )
        return reader_of_files([product.path for product in products], str(place)), products
    entry, found = recognise(path, reader=reader)
    return entry, list(found)


def _bursts_of(products: Sequence[Product], wanted: str | None) -> list[str | None]:
    """Bursts to open: those named, joined by ``+``, or else all that the products name; one None if none has a name."""
    if wanted is not None:
        return [*wanted.split("+")]
    names = {product.burst or getattr(parse_cslc_name(product.path), "burst", None) for product in products}
    return [None] if None in names or len(names) < 2 else sorted(names, key=str)


def containers_in(path: StackPath) -> list[Path]:
    """Our containers in a folder that is none itself, such as one per burst and polarisation."""
    if not isinstance(path, str | os.PathLike):
        return []
    place = file_at(path)
    if not isinstance(place, Path) or not place.is_dir() or is_stack(place):
        return []
    found, faults = [], []
    for entry in sorted(place.iterdir()):
        if entry.is_dir() and PARTIAL not in entry.name:
            try:
                found += [entry] if is_stack(entry) else []
            except ValueError as error:
                faults.append(error)
    if found and faults:
        # Beside stacks, a damaged folder is one of them; elsewhere it is of no concern.
        raise faults[0]
    return found


def _of_containers(place: Path, folders: Sequence[Path], choice: Choice) -> Catalogue:
    groups: dict[str, list[Catalogue]] = {}
    wanted = parse_polarisations(choice.polarisation) if choice.polarisation else None
    for folder in folders:
        held = stack_polarisations(folder)
        taken = held if wanted is None else [one for one in wanted if one in held]
        if taken:
            part = open_catalogue(folder, polarisation=joined_polarisations(taken), nodata=choice.nodata)
            groups.setdefault(part.stack.burst or folder.name, []).append(part)
    if choice.burst is not None:
        groups = {name: groups[name] for name in choice.burst.split("+") if name in groups}
    if not groups:
        raise ValueError(f"{place} holds no stack of polarisation {choice.polarisation} and burst {choice.burst}")
    parts = [some[0] if len(some) == 1 else _joined(some) for some in groups.values()]
    return parts[0] if len(parts) == 1 else catalogue_of_bursts(parts)


def catalogue_of_bursts(parts: Sequence[Catalogue]) -> Catalogue:
    """One catalogue from those of several bursts of a track.

    Raises
    ------
    ValueError
        If they are of different tracks, orbits or polarisations, or have no common date.
    """
    stack = BurstSet.of([part.stack for part in parts])  # type: ignore[misc]
    inputs: dict[str, tuple[AnyFile, ...]] = {}
    for part in parts:
        for name, paths in part.inputs.items():
            if not name.startswith("label-"):
                inputs[name] = (*inputs.get(name, ()), *paths)
    inputs |= {name: paths for name, paths in parts[0].inputs.items() if name.startswith("label-")}
    shared = {name: parts[0].source.get(name) for name in ("frequency", "nodata")}
    labels = [burst_label(part.stack) for part in parts]  # type: ignore[arg-type]
    order = [labels.index(burst_label(burst)) for burst in stack.bursts]
    source = {"set": [dict(parts[index].source) for index in order], "outlines": stack.outlines, **shared}
    return Catalogue(stack=stack, inputs=inputs, source=source)


def _joined(parts: list[Catalogue]) -> Catalogue:
    """One catalogue from those of several polarisations."""
    stack = join_polarisations([part.stack for part in parts])  # type: ignore[misc]
    inputs = {
        f"{part.stack.polarisation}/{name}": paths
        for part in parts
        for name, paths in part.inputs.items()
        if name.isdigit() and parse_date(name) in stack.dates
    }
    # The geometry and the labels are the same for all.
    inputs |= {name: paths for name, paths in parts[0].inputs.items() if not name.isdigit()}
    shared = {name: parts[0].source.get(name) for name in ("burst", "frequency", "nodata")}
    source = {"parts": [dict(part.source) for part in parts], **shared}
    return Catalogue(stack=stack, inputs=inputs, source=source)


def with_flattening(catalogue: Catalogue, flattened: bool | None) -> Catalogue:
    """The catalogue with the caller's word on flattening; what is not flat is flattened if its orbits are known.

    Raises
    ------
    ValueError
        If the stack states the contrary.
    """
    stated = with_word(catalogue.stack, flattened)
    flat = flat_stack(stated)
    source = {**catalogue.source, "flatten": True} if flat is not stated else catalogue.source
    return replace(catalogue, stack=flat, source=source)


def without_steps(catalogue: Catalogue, phases: Mapping[str, Mapping[datetime.date, float]]) -> Catalogue:
    """The catalogue of a set of bursts with a phase per burst and date taken off."""
    plain = {name: {f"{date:%Y%m%d}": value for date, value in by_date.items()} for name, by_date in phases.items()}
    source = {**catalogue.source, "steps": plain}
    return replace(catalogue, stack=_with_steps(catalogue.stack, source), source=source)


def _with_steps(stack: Any, source: Mapping[str, Any]) -> Any:
    if not source.get("steps"):
        return stack
    phases = {
        name: {parse_date(date): value for date, value in by_date.items()} for name, by_date in source["steps"].items()
    }
    return stack.without_steps(phases)


def reopen(source: Mapping[str, Any]) -> tuple[SlcStack | BurstSet, dict[str, LabelRaster]]:
    """Open a catalogue's stack and labels again from its ``source``.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`open_catalogue`.
    """
    with warnings.catch_warnings():
        # The first opening of the catalogue has reported these warnings.
        warnings.simplefilter("ignore", UserWarning)
        if "set" in source:
            bursts, labels = zip(*(reopen(part) for part in source["set"]), strict=True)
            outlines = [tuple((row, col) for row, col in outline) for outline in source["outlines"]]
            return _with_steps(_flat(BurstSet.of(bursts, outlines=outlines), source), source), labels[0]
        if "parts" in source:
            stacks, labels = zip(*(reopen(part) for part in source["parts"]), strict=True)
            return _flat(join_polarisations(stacks), source), labels[0]
        products = [_product_of(values) for values in source["products"]]
        chosen: dict[str, Any] = {name: source.get(name) for name in _CHOICES}
        choice = Choice(**chosen)
        opened = open_products(reader_named(source["reader"]), products, choice)
    return _flat(opened.stack, source), dict(opened.labels())


def _flat(stack: SlcStack | BurstSet, source: Mapping[str, Any]) -> SlcStack | BurstSet:
    return flat_stack(with_word(stack, False)) if source.get("flatten") else stack


def _catalogue(entry: StackReader, products: Sequence[Product], choice: Choice) -> Catalogue:
    opened = open_products(entry, products, choice)
    source: dict[str, Any] = {name: getattr(opened.chosen, name) for name in _CHOICES}
    source |= {"reader": entry.name, "products": [_values_of(product) for product in opened.products]}
    return Catalogue(stack=opened.stack, inputs=opened.files(), source=source)


def _list_at(path: StackPath) -> AnyFile | None:
    """The list of products that a path names, None if it names products themselves."""
    if not isinstance(path, str | os.PathLike):
        return None
    place = file_at(path)
    if isinstance(place, RemoteFile):
        # The search of a STAC API has no suffix.
        is_search = place.scheme in HTTP and "*" not in place.name and place.suffix.lower() not in _PIXELS
        if is_search and place.suffix == "" and place.name not in _SEARCHES and is_zarr(place):
            return None
        return place if is_search or place.suffix.lower() in _LISTS else None
    return place if place.is_file() and place.suffix.lower() in _LISTS else None


def _values_of(product: Product) -> dict[str, Any]:
    """Plain values of a product, for another process."""
    date = None if product.date is None else f"{product.date:%Y%m%d}"
    return product._asdict() | {"path": full_address(product.path), "date": date}


def _product_of(values: Mapping[str, Any]) -> Product:
    date = None if values["date"] is None else parse_date(values["date"])
    return Product(**{**values, "path": file_at(values["path"]), "date": date})


def _kept(products: Sequence[Product], name: str, choice: Choice) -> list[Product]:
    """Products of a list that have the polarisation and burst asked for, or state none."""
    wanted = choice.polarisation.upper() if choice.polarisation else None
    kept = [product for product in products if wanted is None or product.polarisation in (None, wanted)]
    kept = [product for product in kept if not choice.burst or product.burst in (None, burst_name(choice.burst))]
    if not kept:
        raise ValueError(f"{name} names no product of polarisation {choice.polarisation} and burst {choice.burst}")
    for product in kept:
        if not product.path.exists():
            raise FileNotFoundError(f"there is no file {product.path}, which {name} names")
    return kept
