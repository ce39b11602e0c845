"""NISAR GSLC: versions, parts and frames of a date, releases, flags, near misses, and a frame of 70 000 pixels."""

from __future__ import annotations

import datetime
import tracemalloc

import h5py
import numpy as np
import pytest
from stack_layouts import COLS, DATES, ROWS, nisar, stack_pixels
from stack_layouts import nisar_product as product

from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.io.stacks.zarr_stack import write_stack
from m3leo_sar.stack.pair_product import PairProduct

PIXELS = stack_pixels()
NAN = complex(np.nan, np.nan)


def test_the_newer_release_of_a_date_is_taken_and_the_other_named(tmp_path):
    product(tmp_path, PIXELS[0], release="P05023", counter=2)
    newer = product(tmp_path, PIXELS[2], release="P05024", counter=1)
    older = f"P05023_N_F_J_002.h5 is left out: {newer.name} is a newer processing of the same date"
    with pytest.warns(UserWarning, match=older):
        stack = open_stack(tmp_path)
    np.testing.assert_array_equal(stack.window()[0], PIXELS[2])


def test_parts_of_a_pass_and_frames_of_one_lattice_are_one_date(tmp_path):
    whole = PIXELS[0]
    product(tmp_path, whole[:9], second=37)
    product(tmp_path, whole[7:, 5:], row=7, col=5, second=39)
    product(tmp_path, PIXELS[2], date=DATES[1], frame=65)
    product(tmp_path, PIXELS[1][:4], date=DATES[1], row=ROWS, frame=66, second=58)
    stack = open_stack(tmp_path)
    assert stack.dates == DATES[:2]
    assert stack.shape == (2, ROWS + 4, COLS)
    first, second = stack.window()
    joined = np.full((ROWS + 4, COLS), NAN, np.complex64)
    joined[:9] = whole[:9]
    joined[9:ROWS, 5:] = whole[9:, 5:]
    # Where the first part has no data, the second one may.
    joined[7:9] = np.where(np.isnan(whole[7:9]), np.where(np.arange(COLS) >= 5, whole[7:9], NAN), whole[7:9])
    np.testing.assert_array_equal(first, joined)
    np.testing.assert_array_equal(second, np.concatenate([PIXELS[2], PIXELS[1][:4]]))
    np.testing.assert_array_equal(stack.window(slice(6, 25), slice(3, 20))[0], joined[6:25, 3:20])
    assert open_stack(tmp_path, burst="113-D-066").dates == DATES[1:2]
    assert open_stack(tmp_path, burst="113-d-065").shape == (2, ROWS, COLS)


def test_frames_in_two_zones_are_asked_for(tmp_path):
    product(tmp_path, PIXELS[0])
    product(tmp_path, PIXELS[0], frame=66, crs=32616)
    with pytest.raises(ValueError, match="burst must be given, as there are several: 113-D-065, 113-D-066"):
        open_stack(tmp_path)
    assert open_stack(tmp_path, burst="113-D-066").geometry.crs == "EPSG:32616"


def test_dates_of_other_pixels_or_flattening_are_refused(tmp_path):
    product(tmp_path, PIXELS[0])
    other = product(tmp_path, PIXELS[1], date=DATES[1], col=0.5)
    with pytest.raises(ValueError, match=f"{other.name} lies on another grid than"):
        open_stack(tmp_path)
    other.unlink()
    product(tmp_path, PIXELS[1], date=DATES[1], flattened="False")
    with pytest.raises(ValueError, match=r"flattening of .* is ellipsoidal True, topographic False.* no coherence"):
        open_stack(tmp_path)


def test_flattening_is_that_of_the_parameters(tmp_path):
    for name, flattened, expected in (("a", "True", True), ("b", "False", False)):
        (tmp_path / name).mkdir()
        path = product(tmp_path / name, PIXELS[0], flattened=flattened)
        assert open_stack(tmp_path / name).flattened is expected
    with h5py.File(path, "r+") as file:
        del file["science/LSAR/GSLC/metadata/processingInformation/parameters"]
    assert open_stack(tmp_path / "b").flattened is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("science/LSAR/GSLC/grids/frequencyA/projection", "it has no data set .*projection"),
        ("science/LSAR/GSLC/grids/frequencyA/HH", "has no image of VV, VH, HH, HV, RH, RV, LH, LV in"),
        ("science/LSAR/identification/zeroDopplerStartTime", "has no data set .*zeroDopplerStartTime"),
        ("science/LSAR/GSLC", "it has no group science/LSAR/GSLC"),
    ],
)
def test_what_is_missing_is_named(tmp_path, change, message):
    path = product(tmp_path, PIXELS[0])
    with h5py.File(path, "r+") as file:
        del file[change]
    with pytest.raises(ValueError, match=message) as caught:
        open_stack(tmp_path)
    assert path.name in str(caught.value)


def test_hostile_values_are_refused(tmp_path):
    path = product(tmp_path, PIXELS[0])
    group = "science/LSAR/GSLC/grids/frequencyA"
    with h5py.File(path, "r+") as file:
        del file[f"{group}/mask"]
        file[f"{group}/mask"] = np.ones((ROWS, COLS + 1), "u1")
    with pytest.raises(ValueError, match=r"mask has shape \(23, 38\), the images \(23, 37\)"):
        open_stack(tmp_path)
    with h5py.File(path, "r+") as file:
        del file[f"{group}/mask"]
        del file[f"{group}/HH"]
        file[f"{group}/HH"] = h5py.ExternalLink("/etc/passwd", "x")
    with pytest.raises(ValueError, match=path.name):
        open_stack(tmp_path)
    with h5py.File(path, "r+") as file:
        del file[f"{group}/HH"]
        file[f"{group}/HH"] = np.ones((ROWS, COLS), "f4")
    with pytest.raises(ValueError, match="HH has shape .* and float32, its coordinates"):
        open_stack(tmp_path)
    with h5py.File(path, "r+") as file:
        del file[f"{group}/xCoordinates"]
        file.create_dataset(f"{group}/xCoordinates", (1 << 40,), "f8", chunks=(1 << 20,))
    with pytest.raises(ValueError, match="must be at most 1024 MiB, its header states"):
        open_stack(tmp_path)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("GCOV", "is a NISAR GCOV; it holds powers without phase"),
        ("RIFG", "is a NISAR RIFG; it holds one pair that was made already"),
    ],
)
def test_other_products_are_named(tmp_path, kind, message):
    path = (
        tmp_path / f"NISAR_L1_PR_{kind}_004_113_D_065_4005_DHDH_A_20230301T010537_20230301T010600_P05023_N_F_J_001.h5"
    )
    with h5py.File(path, "w") as file:
        file.create_group(f"science/LSAR/{kind}")
    for _ in range(2):
        with pytest.raises(ValueError, match=message):
            open_stack(tmp_path)
        # Renamed, it is known by its groups.
        path = path.rename(tmp_path / "x.h5")


def test_a_wavelength_and_a_time_are_of_the_file(tmp_path):
    stack = open_stack(nisar(tmp_path, PIXELS))
    assert stack.times[1] == datetime.datetime(2023, 3, 13, 1, 5, 37)
    assert stack.wavelength == pytest.approx(299_792_458 / 1239e6)
    assert (stack.burst, stack.frequency, stack.platforms) == ("113-D-065", "A", ("NISAR",) * 3)


def test_a_frame_of_70_000_pixels_opens_at_once_and_reads_one_tile(tmp_path, monkeypatch):
    size = 70_000
    path = product(tmp_path, PIXELS[0])
    group = "science/LSAR/GSLC/grids/frequencyA"
    with h5py.File(path, "r+") as file:
        for name, dtype in (("HH", "<c8"), ("mask", "u1")):
            del file[f"{group}/{name}"]
            # Sparse: chunks that were never written take no room.
            made = file.create_dataset(
                f"{group}/{name}", (size, size), dtype, chunks=(512, 512), fillvalue=np.dtype(dtype).type(1)
            )
            made[35_000:35_010, 42_000:42_020] = 3
        for name, step in (("xCoordinates", 10.0), ("yCoordinates", -5.0)):
            del file[f"{group}/{name}"]
            file[f"{group}/{name}"] = 4e6 + step * np.arange(size)
    tracemalloc.start()
    stack = open_stack(tmp_path)
    pixels = stack.window(slice(34_900, 35_400), slice(41_900, 42_400))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert pixels[0, 105, 110] == 3
    assert pixels[0, 300, 300] == 1
    assert peak < 200 << 20
    asked = []
    original = h5py.Dataset.__getitem__

    def counted(dataset, part):
        asked.append(dataset.name)
        return original(dataset, part)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", counted)
    stack.window(slice(34_900, 35_400), slice(41_900, 42_400))
    assert len(asked) == 2


@pytest.mark.parametrize("polarisation", ["RH", "RV", "LH"])
def test_compact_polarisation_is_read_as_any_other(tmp_path, polarisation):
    for date, image in zip(DATES[:2], PIXELS, strict=False):
        product(tmp_path, image, date=date, polarisation=polarisation)
    stack = open_stack(tmp_path)
    assert stack.polarisation == polarisation
    np.testing.assert_array_equal(stack.window()[1], PIXELS[1])
    write_stack(stack, tmp_path / "copy")
    assert open_stack(tmp_path / "copy", polarisation=polarisation.lower()).polarisation == polarisation
    chips = ChipArchive.create(tmp_path / "chips")
    chips.write("1", "coherence", f"{polarisation}/20230301_20230313", np.ones((ROWS, COLS), "f4"), stack.geometry,
                metadata={})  # fmt: skip
    assert chips.polarisations("1", "coherence") == [polarisation]
    assert PairProduct.parse(f"coherence/{polarisation}:3x5").polarisation == polarisation
