"""A stack and the files it is made of: a folder, STAC items, or a CSV of products."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m3leo_sar.io.files.raster import files_of
from m3leo_sar.io.stacks.acquisition_name import date_in_name
from m3leo_sar.io.stacks.cslc import choose_products, cslc_paths, is_cslc, read_cslc_stack
from m3leo_sar.io.stacks.cslc_name import burst_name
from m3leo_sar.io.stacks.open_stack import open_stack, with_nodata
from m3leo_sar.io.stacks.own_reader import files_of_dates, read_own_stack, recognised
from m3leo_sar.io.stacks.product_list import Product, csv_products, stac_products
from m3leo_sar.io.stacks.raster_stack import SUFFIXES, choose_images, raster_paths, read_raster_stack
from m3leo_sar.io.stacks.stack_labels import LabelRaster, label_folders, open_label
from m3leo_sar.io.stacks.zarr_stack import is_stack, read_stack
from m3leo_sar.products.recipe import Origin
from m3leo_sar.run.threads import available_cpus
from m3leo_sar.stack.pairs import parse_date
from m3leo_sar.stack.slc import SlcStack

#: Most rows or columns of an image; a header with more is damaged or hostile.
LARGEST_SIDE = 1 << 20
#: Most files read at once for their checksums.
_READERS = 8


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """A stack and the files behind it.

    Parameters
    ----------
    stack : SlcStack
    inputs : mapping of str to tuple of Path
        Files or folders behind each date (``YYYYMMDD``), each label (``label-NAME``) and the ``geometry``.
    source : mapping
        Plain values from which :func:`reopen` opens the same stack in another process.
    """

    stack: SlcStack
    inputs: Mapping[str, tuple[Path, ...]]
    source: Mapping[str, Any]

    @property
    def labels(self) -> list[str]:
        """Names of the label rasters."""
        return [name.removeprefix("label-") for name in self.inputs if name.startswith("label-")]

    def origin(
        self,
        names: Iterable[str],
        checksum: Callable[[Path, threading.Event], tuple[str, str]],
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
                    signatures[str(path)], digests[path] = future.result()
                    if progress:
                        progress()
            except BaseException:
                # A file of gigabytes, or a slow disk, must not delay an interrupt.
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        # Another no-data value gives other chips from the same files.
        stated = f" nodata {self.source['nodata']}" if self.source.get("nodata") is not None else ""
        checksums = {
            name: "sha256:" + " ".join(digests[path] for path in self.inputs[name]) + (stated if name.isdigit() else "")
            for name in wanted
        }
        return Origin(checksums, {name: self.inputs[name][0].name for name in wanted}), signatures


def open_catalogue(
    path: str | os.PathLike[str],
    *,
    burst: str | None = None,
    polarisation: str | None = None,
    nodata: float | None = None,
    reader: str | None = None,
) -> Catalogue:
    """Open a stack together with the files behind it.

    Parameters
    ----------
    path : path
        A folder as :func:`m3leo_sar.io.stacks.open_stack.open_stack` takes it; a JSON file of STAC items (an item, a
        feature collection or a list) whose assets are local files; or a CSV with a column ``path`` and, if the files
        do not state them, ``date``, ``polarisation``, ``burst``, ``orbit``, ``track``. Paths are relative to the file.
    burst : str, optional
        Burst, if there are several.
    polarisation : str, optional
        Polarisation, if there are several.
    nodata : float, optional
        No-data value, in addition to NaN and the files' own.
    reader : str, optional
        Your own reader, as in :func:`m3leo_sar.io.stacks.open_stack.open_stack`.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``, or a file it names is not there.
    ValueError
        If it is none of these, is damaged, names files on a server, is one page of several, or an image has more than
        :data:`LARGEST_SIDE` rows or columns.
    """
    place = Path(path)
    if reader is None and place.is_dir() and not is_stack(place) and not cslc_paths(place):
        reader = recognised(place)
    if reader is not None:
        found = _of_reader(place, reader, burst, polarisation, nodata)
    elif place.is_file() and place.suffix.lower() in (".json", ".geojson", ".csv"):
        named = csv_products(place) if place.suffix.lower() == ".csv" else stac_products(place, polarisation)
        found = _of_products(named, str(place), burst, polarisation, nodata)
    else:
        found = _of_folder(place, burst, polarisation, nodata)
    rows, cols = found.stack.shape[1:]
    if max(rows, cols) > LARGEST_SIDE:
        raise ValueError(f"{found.stack.name} must have at most {LARGEST_SIDE} rows and columns, got {rows} x {cols}")
    return found


def reopen(source: Mapping[str, Any]) -> tuple[SlcStack, dict[str, LabelRaster]]:
    """Open a catalogue's stack and labels again from its ``source``.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`open_catalogue`.
    """
    with warnings.catch_warnings():
        # The first opening of the catalogue has reported these warnings.
        warnings.simplefilter("ignore", UserWarning)
        return _opened(source)


def _opened(source: Mapping[str, Any]) -> tuple[SlcStack, dict[str, LabelRaster]]:
    nodata = source.get("nodata")
    if source["kind"] == "container":
        labels = {name: open_label(folder) for name, folder in label_folders(source["path"]).items()}
        return with_nodata(read_stack(source["path"]), nodata), labels
    if source["kind"] == "own":
        chosen = {"burst": source["burst"], "polarisation": source["polarisation"]}
        return with_nodata(read_own_stack(source["path"], source["reader"], **chosen), nodata), {}
    options = {"polarisation": source["polarisation"], "nodata": nodata}
    if source["kind"] == "cslc":
        return read_cslc_stack(source["paths"], burst=source["burst"], **options), {}
    dates = [parse_date(date) for date in source["dates"]]
    return read_raster_stack(source["paths"], dates=dates, **options, **source["facts"]), {}


def _of_folder(folder: Path, burst: str | None, polarisation: str | None, nodata: float | None) -> Catalogue:
    # Refuses a folder that is no stack.
    with warnings.catch_warnings():
        # The files are opened once more below, which reports every warning.
        warnings.simplefilter("ignore", UserWarning)
        stack = open_stack(folder, burst=burst, polarisation=polarisation)
    if is_stack(folder):
        if burst is not None or (polarisation is not None and polarisation.upper() != stack.polarisation):
            asked = f"burst {burst}" if burst is not None else f"polarisation {polarisation}"
            raise ValueError(f"{folder} is a container of one stack, {stack.polarisation}; it has no {asked}")
        return _of_container(folder, nodata)
    files = cslc_paths(folder)
    if files:
        return _of_cslc(files, burst, polarisation, nodata)
    if burst is not None:
        raise ValueError(f"burst goes with CSLC files, {folder} holds rasters, got {burst!r}")
    return _of_rasters([Product(path) for path in raster_paths(folder)], polarisation, nodata)


def _of_reader(path: Path, reader: str, burst: str | None, polarisation: str | None, nodata: float | None) -> Catalogue:
    # Workers run in another folder.
    named = str(Path(reader).resolve()) if reader.endswith(".py") else reader
    source = {"kind": "own", "reader": named, "path": str(path.resolve()), "nodata": nodata}
    source |= {"burst": burst, "polarisation": polarisation}
    stack, _ = _opened(source)
    files = files_of_dates(path.resolve(), named, stack.dates)
    return Catalogue(stack=stack, inputs={f"{date:%Y%m%d}": files[date] for date in stack.dates}, source=source)


def _of_container(folder: Path, nodata: float | None) -> Catalogue:
    place = folder.resolve()
    source = {"kind": "container", "path": str(place), "nodata": nodata}
    stack, _ = _opened(source)
    inputs: dict[str, tuple[Path, ...]] = {f"{date:%Y%m%d}": (place / f"{date:%Y%m%d}",) for date in stack.dates}
    # The root holds the positions of the pixels, or for radar geometry a folder of its own.
    inputs["geometry"] = tuple(path for path in (place / "zarr.json", place / "geometry") if path.exists())
    inputs |= {f"label-{name}": (entry,) for name, entry in label_folders(place).items()}
    return Catalogue(stack=stack, inputs=inputs, source=source)


def _of_products(
    products: list[Product], name: str, burst: str | None, polarisation: str | None, nodata: float | None
) -> Catalogue:
    wanted = polarisation.upper() if polarisation else None
    kept = [product for product in products if wanted is None or product.polarisation in (None, wanted)]
    kept = [product for product in kept if burst is None or product.burst in (None, burst_name(burst))]
    if not kept:
        raise ValueError(f"{name} names no product of polarisation {polarisation} and burst {burst}")
    for product in kept:
        if not product.path.is_file():
            raise FileNotFoundError(f"there is no file {product.path}, which {name} names")
    strange = [product.path.name for product in kept if product.path.suffix.lower() not in (*SUFFIXES, ".h5")]
    strange += [product.path.name for product in kept if product.path.suffix == ".h5" and not is_cslc(product.path)]
    if strange:
        raise ValueError(
            f"{name} must name CSLC-S1 files of a date or rasters ({', '.join(SUFFIXES)}), got {strange[0]}"
        )
    kinds = {is_cslc(product.path) for product in kept}
    if len(kinds) > 1:
        raise ValueError(f"{name} must name OPERA_L2_CSLC-S1_*.h5 files or rasters, got both")
    if kinds == {True}:
        return _of_cslc([product.path for product in kept], burst, wanted, nodata)
    named = {product.polarisation for product in kept if product.polarisation}
    if len(named) > 1:
        raise ValueError(f"polarisation must be given, as there are several: {', '.join(sorted(named))}")
    return _of_rasters(kept, wanted or next(iter(named), None), nodata)


def _of_cslc(files: list[Path], burst: str | None, polarisation: str | None, nodata: float | None) -> Catalogue:
    # Links are not resolved: their names hold the dates.
    products = choose_products([path.absolute() for path in files], burst=burst, polarisation=polarisation)
    paths = [product.path for product in products]
    chosen = {"burst": products[0].burst, "polarisation": products[0].polarisation}
    source = {"kind": "cslc", "paths": [str(path) for path in paths], **chosen, "nodata": nodata}
    stack, _ = _opened(source)
    inputs = {f"{product.date:%Y%m%d}": (product.path,) for product in products}
    return Catalogue(stack=stack, inputs=inputs, source=source)


def _of_rasters(products: list[Product], polarisation: str | None, nodata: float | None) -> Catalogue:
    paths = [product.path.absolute() for product in products]
    dates = [product.date or date_in_name(product.path.name) for product in products]
    images, chosen = choose_images(paths, polarisation=polarisation, dates=dates)
    facts = {name: _common(products, name) for name in ("orbit", "track")}
    source = {
        "kind": "raster",
        "paths": [str(image.path) for image in images],
        "dates": [f"{image.date:%Y%m%d}" for image in images],
        "polarisation": chosen,
        "facts": {name: value for name, value in facts.items() if value is not None},
        "nodata": nodata,
    }
    stack, _ = _opened(source)
    inputs = {f"{image.date:%Y%m%d}": files_of(image.path) for image in images}
    return Catalogue(stack=stack, inputs=inputs, source=source)


def _common(products: list[Product], name: str) -> Any:
    found = {getattr(product, name) for product in products}
    if len(found) > 1:
        raise ValueError(f"{name} must be the same for all products, got {', '.join(sorted(map(str, found)))}")
    return found.pop()
