"""A stack and the files it is made of: a folder, STAC items, or a CSV of products."""

from __future__ import annotations

import csv
import datetime
import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from m3leo_sar.io.files.limits import read_text
from m3leo_sar.io.files.raster import files_of
from m3leo_sar.io.stacks.cslc import is_cslc, list_bursts, read_cslc_stack
from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.io.stacks.raster_stack import SUFFIXES, raster_paths, read_raster_stack
from m3leo_sar.io.stacks.stack_labels import LabelRaster, label_folders, open_label
from m3leo_sar.io.stacks.zarr_stack import is_stack, read_stack
from m3leo_sar.products.recipe import Origin
from m3leo_sar.run.threads import available_cpus
from m3leo_sar.stack.pairs import parse_date
from m3leo_sar.stack.slc import SlcStack

#: Rows or columns that an image may have; a header that tells more is damaged or hostile.
LARGEST_SIDE = 1 << 20
#: Bytes of a catalogue file.
_LARGEST_FILE = 256 << 20
#: Files that are read at once for their checksums, at most.
_READERS = 8
_CSV_COLUMNS = ("path", "date", "polarisation", "burst", "orbit", "track")


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """A stack, and where its bytes come from.

    Parameters
    ----------
    stack : SlcStack
    inputs : mapping of str to tuple of Path
        Files or folders behind each date (``YYYYMMDD``), each label (``label-NAME``) and the ``geometry``.
    source : mapping
        Plain values with which :func:`reopen` gives the same stack in another process.
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
            Keys of ``inputs``; those that are none are passed over.
        checksum : callable
            Gives the signature and checksum of a file, such as
            :meth:`m3leo_sar.io.chips.chip_ledger.ChipLedger.checksum`;
            it is called from several threads, and has to stop when the event is set.
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
                # A file of gigabytes, or a slow disk, must not keep who has asked for the end.
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        checksums = {name: "sha256:" + " ".join(digests[path] for path in self.inputs[name]) for name in wanted}
        return Origin(checksums, {name: self.inputs[name][0].name for name in wanted}), signatures


class _Product(NamedTuple):
    path: Path
    date: datetime.date | None = None
    polarisation: str | None = None
    burst: str | None = None
    orbit: str | None = None
    track: int | None = None


def open_catalogue(
    path: str | os.PathLike[str], *, burst: str | None = None, polarisation: str | None = None
) -> Catalogue:
    """Open a stack with all that is known of its files.

    Parameters
    ----------
    path : path
        A folder as :func:`m3leo_sar.io.stacks.open_stack.open_stack` takes it; a JSON file of STAC items (an item, a
        feature collection or a list) whose assets are local files; or a CSV with a column ``path`` and, where the files
        do not say, ``date``, ``polarisation``, ``burst``, ``orbit``, ``track``. Paths are relative to the file.
    burst : str, optional
        Which burst, where there are several.
    polarisation : str, optional
        Which polarisation, where there are several.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``, or a file it names is not there.
    ValueError
        If it is none of these, is damaged, names files on a server, or an image has more than :data:`LARGEST_SIDE`
        rows or columns.
    """
    place = Path(path)
    if place.suffix.lower() in (".json", ".geojson") and place.is_file():
        found = _of_products(_stac_products(place, polarisation), str(place), burst, polarisation)
    elif place.suffix.lower() == ".csv" and place.is_file():
        found = _of_products(_csv_products(place), str(place), burst, polarisation)
    else:
        found = _of_folder(place, burst, polarisation)
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
    if source["kind"] == "container":
        labels = {name: open_label(folder) for name, folder in label_folders(source["path"]).items()}
        return read_stack(source["path"]), labels
    if source["kind"] == "cslc":
        return read_cslc_stack(source["paths"], burst=source["burst"], polarisation=source["polarisation"]), {}
    dates = [parse_date(date) for date in source["dates"]]
    return read_raster_stack(source["paths"], polarisation=source["polarisation"], dates=dates, **source["facts"]), {}


def _of_folder(folder: Path, burst: str | None, polarisation: str | None) -> Catalogue:
    # Refuses what is no stack, and tells burst and polarisation where there is only one.
    stack = open_stack(folder, burst=burst, polarisation=polarisation)
    if is_stack(folder):
        if burst is not None or (polarisation is not None and polarisation.upper() != stack.polarisation):
            asked = f"burst {burst}" if burst is not None else f"polarisation {polarisation}"
            raise ValueError(f"{folder} is a container of one stack, {stack.polarisation}; it has no {asked}")
        return _of_container(folder, stack)
    files = [entry for entry in sorted(folder.iterdir()) if is_cslc(entry)]
    if files:
        return _of_cslc(files, burst, polarisation or stack.polarisation)
    if burst is not None:
        raise ValueError(f"burst goes with CSLC files, {folder} holds rasters, got {burst!r}")
    return _of_rasters([_Product(path) for path in raster_paths(folder)], polarisation or "VV")


def _of_container(folder: Path, stack: SlcStack) -> Catalogue:
    place = folder.resolve()
    inputs: dict[str, tuple[Path, ...]] = {f"{date:%Y%m%d}": (place / f"{date:%Y%m%d}",) for date in stack.dates}
    # Where the pixels lie is told by the root, and for radar geometry by a folder of its own.
    inputs["geometry"] = tuple(path for path in (place / "zarr.json", place / "geometry") if path.exists())
    inputs |= {f"label-{name}": (entry,) for name, entry in label_folders(place).items()}
    return Catalogue(stack=stack, inputs=inputs, source={"kind": "container", "path": str(place)})


def _of_products(products: list[_Product], name: str, burst: str | None, polarisation: str | None) -> Catalogue:
    wanted = polarisation.upper() if polarisation else None
    kept = [product for product in products if wanted is None or product.polarisation in (None, wanted)]
    kept = [product for product in kept if burst is None or product.burst in (None, burst)]
    if not kept:
        raise ValueError(f"{name} names no product of polarisation {polarisation} and burst {burst}")
    for product in kept:
        if not product.path.is_file():
            raise FileNotFoundError(f"there is no file {product.path}, which {name} names")
    kinds = {is_cslc(product.path) for product in kept}
    if len(kinds) > 1:
        raise ValueError(f"{name} must name OPERA_L2_CSLC-S1_*.h5 files or rasters, got both")
    if kinds == {True}:
        return _of_cslc([product.path for product in kept], burst, wanted)
    named = {product.polarisation for product in kept if product.polarisation}
    if len(named) > 1:
        raise ValueError(f"polarisation must be named, as there are several: {', '.join(sorted(named))}")
    return _of_rasters(kept, wanted or next(iter(named), "VV"))


def _of_cslc(files: list[Path], burst: str | None, polarisation: str | None) -> Catalogue:
    # Not where links lead: names tell dates.
    paths = [path.absolute() for path in files]
    stack = read_cslc_stack(paths, burst=burst, polarisation=polarisation)
    found = stack.name.partition(" of ")[0]
    inputs = {}
    for path in paths:
        if f"_{stack.polarisation}_" in path.name:
            for name, dates in list_bursts(path).items():
                if name == found:
                    inputs[f"{dates[0]:%Y%m%d}"] = (path,)
    kept = [str(path) for (path,) in inputs.values()]
    source = {"kind": "cslc", "paths": kept, "burst": found, "polarisation": stack.polarisation}
    return Catalogue(stack=stack, inputs=inputs, source=source)


def _of_rasters(products: list[_Product], polarisation: str) -> Catalogue:
    dated = []
    for product in products:
        path = product.path.absolute()
        date = product.date or read_raster_stack([path], polarisation=polarisation).dates[0]
        dated.append((date, path))
    # The reader takes files in the order of their names, so the dates must come in that order too.
    dated.sort(key=lambda item: item[1])
    facts = {name: _common(products, name) for name in ("orbit", "track")}
    source = {
        "kind": "raster",
        "paths": [str(path) for _, path in dated],
        "dates": [f"{date:%Y%m%d}" for date, _ in dated],
        "polarisation": polarisation,
        "facts": {name: value for name, value in facts.items() if value is not None},
    }
    stack, _ = reopen(source)
    return Catalogue(stack=stack, inputs={f"{date:%Y%m%d}": files_of(path) for date, path in dated}, source=source)


def _common(products: list[_Product], name: str) -> Any:
    found = {getattr(product, name) for product in products}
    if len(found) > 1:
        raise ValueError(f"{name} must be the same for all products, got {', '.join(sorted(map(str, found)))}")
    return found.pop()


def _csv_products(file: Path) -> list[_Product]:
    reader = csv.DictReader(StringIO(read_text(file, largest=_LARGEST_FILE), newline=""))
    unknown = set(reader.fieldnames or ()) - set(_CSV_COLUMNS)
    if "path" not in (reader.fieldnames or ()) or unknown:
        raise ValueError(f"{file} must have the columns path and any of {', '.join(_CSV_COLUMNS[1:])}")
    rows = list(reader)
    if not rows:
        raise ValueError(f"{file} names no product")
    return [_csv_product(file, number, row) for number, row in enumerate(rows, start=2)]


def _csv_product(file: Path, number: int, row: Mapping[str, str | None]) -> _Product:
    def value(name: str) -> str | None:
        return (row.get(name) or "").strip() or None

    path, date, track = value("path"), value("date"), value("track")
    if path is None or (track is not None and not track.isdigit()):
        raise ValueError(f"{file}, line {number}: path must be a file and track a number, got {path!r} and {track!r}")
    return _Product(
        file.parent / path,
        parse_date(date) if date else None,
        (value("polarisation") or "").upper() or None,
        value("burst"),
        value("orbit"),
        int(track) if track else None,
    )


def _stac_products(file: Path, polarisation: str | None) -> list[_Product]:
    try:
        document = json.loads(read_text(file, largest=_LARGEST_FILE))
        if isinstance(document, dict):
            document = document.get("features", [document])
        products = [_stac_product(file, item, polarisation) for item in document]
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{file} holds no STAC items: {type(error).__name__} {error}") from error
    if not products:
        raise ValueError(f"{file} holds no STAC items")
    return products


def _stac_product(file: Path, item: Mapping[str, Any], polarisation: str | None) -> _Product:
    properties = item["properties"]
    key, asset = _stac_asset(file, item, polarisation)
    href = str(asset["href"]).removeprefix("file://")
    if "://" in href:
        raise ValueError(f"{file}: item {item.get('id')} lies on a server, {href}; fetch it and name the local file")
    named = asset.get("sar:polarizations") or properties.get("sar:polarizations") or []
    if key.upper() in ("VV", "VH", "HH", "HV"):
        named = [key.upper()]
    return _Product(
        file.parent / href,
        parse_date(str(properties["datetime"])[:10]),
        str(named[0]).upper() if len(named) == 1 else polarisation and polarisation.upper(),
        None,
        properties.get("sat:orbit_state"),
        properties.get("sat:relative_orbit"),
    )


def _stac_asset(file: Path, item: Mapping[str, Any], polarisation: str | None) -> tuple[str, Mapping[str, Any]]:
    """The asset of the polarisation, or the only one that can be an SLC."""
    assets = {
        key: asset
        for key, asset in item["assets"].items()
        if str(asset["href"]).lower().endswith((*SUFFIXES, ".h5")) and "thumbnail" not in asset.get("roles", ())
    }
    wanted = [key for key in assets if polarisation and key.upper() == polarisation.upper()]
    chosen = wanted or list(assets)
    if len(chosen) != 1:
        raise ValueError(
            f"{file}: item {item.get('id')} must have one asset that is an SLC, got {', '.join(assets) or 'none'}; "
            "name the polarisation"
        )
    return chosen[0], assets[chosen[0]]
