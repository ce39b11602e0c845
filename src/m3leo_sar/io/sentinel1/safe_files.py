"""Files of a Sentinel-1 product: a SAFE folder, or a zip that holds one."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from m3leo_sar.io.files import limits
from m3leo_sar.io.files.zip_member import names_in_zip, read_text_in_zip

#: Folder of each kind of file to the beginning and the end of the names in it.
_KINDS = {
    "annotation": ("s1", ".xml"),
    "annotation/calibration": ("calibration-s1", ".xml"),
    "measurement": ("s1", ".tiff"),
}
#: File that tools which download parts of a product leave in it.
_PARTIAL = "partial_download.yml"
#: First bytes of a zip.
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class SafeFiles:
    """Names of the files of a product, which are read on demand.

    Parameters
    ----------
    root : Path
        The folder or the zip.
    names : tuple of PurePosixPath
        Relative to the folder or the zip.
    """

    root: Path
    names: tuple[PurePosixPath, ...]

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> SafeFiles:
        """Files of the product at a path.

        Raises
        ------
        FileNotFoundError
            If there is nothing at ``path``.
        ValueError
            If it is neither a folder nor a zip, holds several products or the links of one to files outside, or is a
            part of a product.
        """
        root = Path(path)
        if not root.exists():
            raise FileNotFoundError(f"there is no product {root}")
        names = _in_folder(root) if root.is_dir() else _in_zip(root)
        manifests = [name for name in names if name.name == "manifest.safe"]
        if len(manifests) > 1:
            raise ValueError(f"{root.name} must hold one product, it holds {len(manifests)} files manifest.safe")
        if any(name.name == _PARTIAL for name in names):
            raise ValueError(
                f"{root.name} is a part of a product ({_PARTIAL}): its measurements have fewer bursts than its "
                "annotations; download the whole product, or bursts repacked as SAFE"
            )
        return cls(root, tuple(names))

    @property
    def product(self) -> str:
        """Name of the product, without ``.SAFE``: that of the folder, inside a zip too."""
        inside = [name.parts[0] for name in self.names if len(name.parts) > 1 and name.parts[0].endswith(".SAFE")]
        name = self.root.name if self.root.is_dir() or not inside else inside[0]
        return name.removesuffix(".zip").removesuffix(".SAFE")

    @property
    def manifest(self) -> PurePosixPath | None:
        """``manifest.safe``, None if it is missing."""
        return next((name for name in self.names if name.name == "manifest.safe"), None)

    def of_kind(self, kind: str, *, swath: str = "", polarisation: str = "") -> list[PurePosixPath]:
        """Sorted files of a kind, of one swath and polarisation or of all.

        Parameters
        ----------
        kind : {"annotation", "annotation/calibration", "measurement"}
        swath, polarisation : str
            Both, or neither.
        """
        start, end = _KINDS[kind]
        stem = f"-{swath.lower()}-slc-{polarisation.lower()}-" if swath else "-slc-"
        return sorted(
            name
            for name in self.names
            if name.parent.as_posix().endswith(kind)
            and name.name.startswith(start)
            and name.suffix == end
            and stem in name.name
        )

    def one(self, kind: str, *, swath: str, polarisation: str) -> PurePosixPath:
        """The file of a swath and polarisation.

        Raises
        ------
        ValueError
            If it is missing, or there are several.
        """
        found = self.of_kind(kind, swath=swath, polarisation=polarisation)
        if len(found) != 1:
            raise ValueError(
                f"{self.root.name} must hold one file of this swath and polarisation in {kind}, got {len(found)}"
            )
        return found[0]

    def read(self, name: PurePosixPath) -> bytes:
        """Bytes of a text of the product.

        Raises
        ------
        ValueError
            If it is too large or damaged.
        """
        if self.root.is_dir():
            limits.require_size(name.name, (self.root / name).stat().st_size, limits.LARGEST_TEXT)
            return (self.root / name).read_bytes()
        return read_text_in_zip(self.root, name)

    def opened_as(self, name: PurePosixPath) -> str:
        """Name under which GDAL opens a file of the product."""
        return str(self.root / name) if self.root.is_dir() else f"/vsizip/{self.root}/{name}"


def is_safe(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a SAFE folder, or a zip with a manifest of one; reads the zip's directory only."""
    place = Path(path)
    if place.is_dir():
        return (place / "manifest.safe").is_file() or place.suffix == ".SAFE"
    if place.suffix.lower() != ".zip" or not place.is_file():
        return False
    try:
        return any(name.name == "manifest.safe" for name in names_in_zip(place))
    except ValueError:
        # Named as a product is, so that a damaged one is reported instead of passed over.
        return place.name.startswith("S1")


def _in_folder(root: Path) -> list[PurePosixPath]:
    inside = [file for file in root.rglob("*") if file.is_file()]
    for file in inside:
        if root.resolve() not in file.resolve().parents:
            raise ValueError(f"{root.name} holds a link that leads out of it: {file.relative_to(root)}")
    return [PurePosixPath(file.relative_to(root).as_posix()) for file in inside]


def _in_zip(root: Path) -> list[PurePosixPath]:
    if not zipfile.is_zipfile(root):
        with open(root, "rb") as file:
            is_begun = file.read(len(_ZIP)) == _ZIP
        if is_begun:
            raise ValueError(
                f"{root.name} is a zip that is cut short: the list of its files, which ends a zip, is missing; "
                "download it again"
            )
        raise ValueError(f"{root.name} must be a SAFE folder or a zip of one, it is neither")
    return names_in_zip(root)
