"""A stack and the files it is made of: a folder, STAC items, or a CSV of products."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m3leo_sar.io.stacks.cslc_name import burst_name
from m3leo_sar.io.stacks.product_list import csv_products, stac_products
from m3leo_sar.io.stacks.registry import open_products, reader_named, reader_of_files, recognise
from m3leo_sar.io.stacks.stack_labels import LabelRaster
from m3leo_sar.io.stacks.stack_reader import Choice, Product, StackReader
from m3leo_sar.products.recipe import Origin
from m3leo_sar.run.threads import available_cpus
from m3leo_sar.stack.pairs import parse_date
from m3leo_sar.stack.slc import SlcStack

#: Most rows or columns of an image; a header with more is damaged or hostile.
LARGEST_SIDE = 1 << 20
#: Most files read at once for their checksums.
_READERS = 8
#: Choices among the products that are plain values.
_CHOICES = ("burst", "polarisation", "frequency", "nodata")


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
    frequency: str | None = None,
) -> Catalogue:
    """Open a stack together with the files behind it.

    Parameters
    ----------
    path : path
        A path as :func:`m3leo_sar.io.stacks.open_stack.open_stack` takes it; a JSON file of STAC items (an item, a
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
    frequency : str, optional
        Frequency band of NISAR, if there are several.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``, or a file it names is not there.
    ValueError
        If it is none of these, is damaged, names files on a server, is one page of several, or an image has more than
        :data:`LARGEST_SIDE` rows or columns.
    """
    place = Path(path)
    choice = Choice(burst=burst, polarisation=polarisation, frequency=frequency, nodata=nodata)
    if reader is None and place.is_file() and place.suffix.lower() in (".json", ".geojson", ".csv"):
        listed = csv_products(place) if place.suffix.lower() == ".csv" else stac_products(place, polarisation)
        products = _kept(listed, str(place), choice)
        entry = reader_of_files([product.path for product in products], str(place))
    else:
        entry, products = recognise(place, reader=reader)
    found = _catalogue(entry, products, choice)
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
        products = [_product_of(values) for values in source["products"]]
        choice = Choice(**{name: source.get(name) for name in _CHOICES})
        opened = open_products(reader_named(source["reader"]), products, choice)
    return opened.stack, dict(opened.labels())


def _catalogue(entry: StackReader, products: Sequence[Product], choice: Choice) -> Catalogue:
    opened = open_products(entry, products, choice)
    source: dict[str, Any] = {name: getattr(opened.chosen, name) for name in _CHOICES}
    source |= {"reader": entry.name, "products": [_values_of(product) for product in opened.products]}
    return Catalogue(stack=opened.stack, inputs=opened.files(), source=source)


def _values_of(product: Product) -> dict[str, Any]:
    """Plain values of a product, for another process."""
    date = None if product.date is None else f"{product.date:%Y%m%d}"
    return product._asdict() | {"path": str(product.path), "date": date}


def _product_of(values: Mapping[str, Any]) -> Product:
    date = None if values["date"] is None else parse_date(values["date"])
    return Product(**{**values, "path": Path(values["path"]), "date": date})


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
