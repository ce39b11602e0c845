"""Choice among the images of a folder: one burst, polarisation and frequency, and each date's newest processing."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

Image = TypeVar("Image")
#: Share of the smaller of two files that both cover, from which on they are processings of the same data.
_SAME = 0.5


class SeveralBursts(ValueError):
    """There are several bursts or frames, and none is stated.

    Parameters
    ----------
    message : str
    names : sequence of str
        The bursts.
    """

    def __init__(self, message: str, names: Sequence[str]) -> None:
        super().__init__(message)
        self.names = tuple(names)


def only(images: Sequence[Image], name: str, wanted: str | None) -> list[Image]:
    """Images whose attribute ``name`` is the wanted one, or all if there is only one.

    Raises
    ------
    ValueError
        If there are several and none is stated, or the stated one is not among them; the message lists them. Of bursts,
        a `SeveralBursts`.
    """
    present = sorted({value for image in images if (value := getattr(image, name)) is not None})
    if wanted is None and len(present) > 1:
        message = f"{name} must be given, as there are several: {', '.join(present)}"
        raise SeveralBursts(message, present) if name == "burst" else ValueError(message)
    kept = [image for image in images if wanted in (None, getattr(image, name))]
    if not kept:
        raise ValueError(f"{name} {wanted} is not there; present: {', '.join(present) or 'none stated'}")
    return kept


def newest_of_each_date(images: Sequence[Image], age: Callable[[Image], Any]) -> list[Image]:
    """Images in order of date, of each date the one of the greatest ``age``; a warning names the others.

    Parameters
    ----------
    images : sequence
        With attributes ``date`` and ``path``.
    age : callable
        Value of an image that grows with its processing, such as a time or a version.

    Warns
    -----
    UserWarning
        For each image that is left out.

    Raises
    ------
    ValueError
        If neither of two images of a date is newer.
    """
    # The path decides between two copies of one file, so that the order of the images does not.
    ordered = sorted(images, key=lambda image: (image.date, age(image), image.path.name, str(image.path)))  # type: ignore[attr-defined]
    for earlier, later in itertools.pairwise(ordered):
        if earlier.date != later.date:  # type: ignore[attr-defined]
            continue
        names = earlier.path.name, later.path.name  # type: ignore[attr-defined]
        # Two copies of one file are alike, two images in one file are not.
        is_copy = names[0] == names[1] and earlier.path != later.path  # type: ignore[attr-defined]
        if age(earlier) == age(later) and not is_copy:
            raise ValueError(f"{names[0]} and {names[1]} are of the same date, {later.date}; keep one")  # type: ignore[attr-defined]
        warnings.warn(f"{names[0]} is left out: {names[1]} is a newer processing of the same date", stacklevel=2)
    return list({image.date: image for image in ordered}.values())  # type: ignore[attr-defined]


def without_older_overlaps(images: Sequence[Image], places: Sequence[tuple[int, int, int, int]]) -> list[Image]:
    """Files of one date and burst without those of which a newer processing covers more than half.

    Parameters
    ----------
    images : sequence
        With attributes ``age`` and ``path``, each in its newest processing.
    places : sequence of (row, col, rows, cols)
        Of each on their common grid.

    Warns
    -----
    UserWarning
        For each image that is left out.

    Raises
    ------
    ValueError
        If neither of two that overlap so far is newer.
    """
    order = sorted(range(len(images)), key=lambda index: images[index].age, reverse=True)  # type: ignore[attr-defined]
    kept: list[int] = []
    for index in order:
        over = next((other for other in kept if _overlap(places[index], places[other]) > _SAME), None)
        if over is None:
            kept.append(index)
            continue
        older, newer = images[index], images[over]
        if older.age == newer.age:  # type: ignore[attr-defined]
            raise ValueError(
                f"{older.path.name} and {newer.path.name} are of the same date and cover the same ground; keep one"  # type: ignore[attr-defined]
            )
        warnings.warn(
            f"{older.path.name} is left out: {newer.path.name} is a newer processing of the same date",  # type: ignore[attr-defined]
            stacklevel=2,
        )
    return [images[index] for index in sorted(kept)]


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    """Share of the smaller of two images that both cover."""
    common = 1
    for axis in (0, 1):
        start, stop = max(one[axis], other[axis]), min(one[axis] + one[axis + 2], other[axis] + other[axis + 2])
        common *= max(0, stop - start)
    return common / min(one[2] * one[3], other[2] * other[3])
