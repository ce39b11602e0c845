"""Stacks in the layouts that real producers leave behind, against the one simulated stack that all samples hold."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.io.stacks.registry import recognise
from m3leo_sar.run.catalogue import open_catalogue
from m3leo_sar.stack.geometry import RadarGeometry

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
    scale: float = 1.0


SAMPLES = {
    "nisar-gslc": Sample("nisar-gslc", "nisar-gslc", "zero_mantissa", is_map=True,
                         options=(("frequency", "A"), ("polarisation", "HH"))),
    "isce2": Sample("isce2", "isce2", "full", "VV"),
    "isce2 merged": Sample("isce2/merged/SLC", "isce2", "full", "VV"),
    "snap-mst": Sample("snap-mst", "snap-beam", "full", "VV"),
    "snap-ref": Sample("snap-ref/S1_stack.dim", "snap-beam", "full", "VV"),
    "isce2-virtual": Sample("isce2-virtual", "isce2", "full", "VV", options=(("geometry", "radar"),)),
    "gamma": Sample("gamma", "gamma", "full", "VV", options=(("geometry", "radar"),)),
    "dolphin": Sample("dolphin", "dolphin", "full", "VV", is_map=True),
    "dolphin linked": Sample("dolphin/linked_phase", "dolphin", "full", "VV", is_map=True),
    # The values are 200 times the full ones, the file's scale 0.005.
    "capella": Sample("capella", "capella", "int16", "HH", 2, options=(("geometry", "radar"),), scale=0.005),
    "biomass-sta": Sample("biomass-sta", "biomass-sta", "full", "HH", 2, options=(("polarisation", "HH"),),
                          tolerance=0.01),
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
    pixels = truth[sample.truth][: sample.dates] * np.complex64(sample.scale)
    if sample.reader == "nisar-gslc":
        pixels[:, truth["gap"]] = np.nan
    return pixels


@pytest.mark.filterwarnings("ignore:2 of 2 products have no annotation_coregistered")
@pytest.mark.filterwarnings("ignore:.*compressed SLCs, which are not acquisitions")
@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_opens_with_its_true_pixels_and_positions(layouts, truth, name):
    sample = SAMPLES[name]
    place = layouts / sample.folder
    assert recognise(place)[0].name == sample.reader
    options = dict(sample.options)
    if options.get("geometry") == "radar":
        options["geometry"] = RadarGeometry(truth["latitude"], truth["longitude"])
    stack = open_stack(place, **options)
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


def test_each_pixel_type_of_a_sicd(layouts, truth):
    place = layouts / "sicd"
    with pytest.raises(ValueError, match="a SICD lies on a slant plane and states no position per pixel"):
        open_stack(place)
    stack = open_stack(place, geometry=RadarGeometry(truth["latitude"], truth["longitude"]))
    assert (stack.dates, stack.polarisation, stack.shape) == (DATES, "VV", (3, 96, 110))
    assert stack.platforms == ("SYNTHETICCOLLECTOR",) * 3
    floats, integers, bytes_ = stack.window()
    np.testing.assert_array_equal(floats, truth["full"][0])
    np.testing.assert_array_equal(integers, truth["int16"][1])
    strong = np.abs(truth["full"][2]) > 1
    np.testing.assert_allclose(np.abs(bytes_[strong]), 20 * np.abs(truth["full"][2][strong]), atol=0.51)
    assert np.abs(np.angle(bytes_[strong] * truth["full"][2][strong].conj())).max() < 1.01 * 2 * np.pi / 256


@pytest.mark.parametrize(
    ("folder", "options", "message"),
    [
        ("nisar-gslc", {}, "frequency must be given, as there are several: A, B"),
        ("nisar-gslc", {"frequency": "A"}, "polarisation must be given, as there are several: HH, HV"),
        ("nisar-gunw-140", {}, "is a NISAR GUNW; it holds one pair that was made already"),
        ("dolphin/interferograms", {}, "has several dates in its name, .* as an interferogram of two images"),
        ("gamma", {}, "states no position of its pixels: expected a look-up table"),
        ("isce2-virtual", {}, "positions of the pixels are not there: expected lat.rdr.full"),
        ("capella", {}, "each Capella SLC lies on a slant-plane grid of its own"),
        ("biomass-sta", {}, "polarisation must be given, as there are several: HH, HV, VH, VV"),
    ],
)
@pytest.mark.filterwarnings("ignore:2 of 2 products have no annotation_coregistered")
def test_what_a_sample_lacks_is_asked_for(layouts, folder, options, message):
    with pytest.raises(ValueError, match=message):
        open_stack(layouts / folder, **options)


def test_half_floats_of_nisar_lose_no_more_than_their_digits(layouts, truth):
    stack = open_stack(layouts / "nisar-gslc-complex32")
    wanted = truth["zero_mantissa"][:2].copy()
    wanted[:, truth["gap"]] = np.nan
    np.testing.assert_allclose(stack.window(), wanted, rtol=1e-3, atol=1e-6)


def test_dates_of_unlike_maturity_are_named(layouts, tmp_path):
    for folder, index in (("nisar-gslc-beta", 0), ("nisar-gslc", 1)):
        path = sorted((layouts / folder).glob("*.h5"))[index]
        (tmp_path / path.name).symlink_to(path)
    told = r"releases of different maturity, BETA: 2026-06-18; PROVISIONAL: 2026-06-30; masks and phases of BETA"
    with pytest.warns(UserWarning, match=told):
        open_stack(tmp_path, frequency="A", polarisation="HH")


@pytest.mark.parametrize(("stated", "found"), [(b"RHC:H", "RH"), (b"LHC:V", "LV"), (b"V:H", "VH")])
def test_the_polarisation_of_a_sicd_may_be_compact(layouts, tmp_path, stated, found):
    content = next((layouts / "sicd").glob("2026-06-18*.nitf")).read_bytes()
    # The header states the length of the text, so that blanks give way.
    blanks = b" " * (4 + len(b"V:V") - len(stated))
    changed = content.replace(b"    <TxRcvPolarizationProc>V:V", blanks + b"<TxRcvPolarizationProc>" + stated)
    (tmp_path / "one.nitf").write_bytes(changed)
    assert open_catalogue(tmp_path, needs_positions=False).stack.polarisation == found


def test_a_sicd_of_circular_reception_is_named(layouts, tmp_path):
    content = next((layouts / "sicd").glob("2026-06-18*.nitf")).read_bytes()
    (tmp_path / "one.nitf").write_bytes(content.replace(b"V:V</TxRcv", b"R:R</TxRcv"))
    with pytest.raises(ValueError, match="one.nitf: its polarisation must be one of VV, VH, .*, got R:R"):
        open_stack(tmp_path)
