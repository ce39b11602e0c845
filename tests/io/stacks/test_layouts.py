"""Stacks in the layouts that real producers leave behind, against the one simulated stack that all samples hold."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.io.stacks.registry import recognise

DATES = tuple(datetime.date(2026, *day) for day in ((6, 18), (6, 30), (7, 12)))


class Sample(NamedTuple):
    """A sample, what to type, and what is known of it."""

    folder: str
    reader: str
    truth: str
    polarisation: str = "HH"
    dates: int = 3
    is_map: bool = False
    options: tuple[tuple[str, str], ...] = ()
    #: Largest difference of a part.
    tolerance: float = 0.0


SAMPLES = {
    "nisar-gslc": Sample("nisar-gslc", "nisar-gslc", "zero_mantissa", is_map=True,
                         options=(("frequency", "A"), ("polarisation", "HH"))),
    "isce2": Sample("isce2", "isce2", "full", "VV"),
    "isce2 merged": Sample("isce2/merged/SLC", "isce2", "full", "VV"),
    "snap-mst": Sample("snap-mst", "snap-beam", "full", "VV"),
    "snap-ref": Sample("snap-ref/S1_stack.dim", "snap-beam", "full", "VV"),
    "opera-cslc": Sample("opera-cslc", "cslc", "zero_mantissa", "VV", is_map=True),
    "compass": Sample("compass", "cslc", "zero_mantissa", "VV", is_map=True),
}  # fmt: skip


@pytest.fixture(scope="module")
def layouts(shared_data) -> Path:
    return shared_data / "slc-layouts"


@pytest.fixture(scope="module")
def truth(layouts):
    with np.load(layouts / "truth.npz") as file:
        return {name: file[name] for name in file.files}


def expected(truth, sample):
    pixels = truth[sample.truth][: sample.dates].copy()
    if sample.reader == "nisar-gslc":
        pixels[:, truth["gap"]] = np.nan
    return pixels


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_opens_with_its_true_pixels_and_positions(layouts, truth, name):
    sample = SAMPLES[name]
    place = layouts / sample.folder
    assert recognise(place)[0].name == sample.reader
    stack = open_stack(place, **dict(sample.options))
    assert stack.dates == DATES[: sample.dates]
    assert stack.polarisation == sample.polarisation
    wanted = expected(truth, sample)
    np.testing.assert_allclose(stack.window(), wanted, rtol=0, atol=sample.tolerance)
    part = np.s_[1, 17:60, 40:107]
    inner = stack.window(part[1], part[2], dates=[DATES[1]])[0]
    np.testing.assert_allclose(inner, wanted[part], rtol=0, atol=sample.tolerance)
    if not sample.is_map:
        np.testing.assert_allclose(stack.geometry.latitude, truth["latitude"], atol=1e-6)
        np.testing.assert_allclose(stack.geometry.longitude, truth["longitude"], atol=1e-6)
