"""Which CSLC products make a stack, and what they say of how they were processed."""

from __future__ import annotations

import datetime
import warnings

import h5py
import numpy as np
import pytest

from m3leo_sar.io.stacks.cslc import read_cslc_stack
from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.io.stacks.zarr_stack import write_stack
from m3leo_sar.run.catalogue import open_catalogue
from m3leo_sar.run.choices import choose_pairs

DATES = [datetime.date(2024, 4, 1), datetime.date(2024, 4, 13), datetime.date(2024, 4, 25)]
BURST = "T087-185683-IW2"
PARAMETERS = "metadata/processing_information/parameters"


def product(folder, value, date, *, time="161651", made="20240504T181714Z", name=None, version="1.1", **parameters):
    """A product of one date whose pixels are all one value."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name or f"OPERA_L2_CSLC-S1_{BURST}_{date:%Y%m%d}T{time}Z_{made}_S1A_VV_v{version}.h5")
    with h5py.File(path, "w") as file:
        file["data/x_coordinates"] = 157_322.5 + 5.0 * np.arange(9)
        file["data/y_coordinates"] = 2_172_295.0 - 10.0 * np.arange(7)
        file["data/projection"] = 32605
        file["data/VV"] = np.full((7, 9), value + 1j, np.complex64)
        file["metadata/orbit/orbit_direction"] = np.bytes_("Descending")
        file["metadata/processing_information/input_burst_metadata/wavelength"] = 0.05546576
        for key, entry in parameters.items():
            file[f"{PARAMETERS}/{key}"] = entry
    return path


def values(stack):
    return stack.window()[:, 3, 4].real.tolist()


def test_dates_are_in_order_whatever_the_order_of_the_files(tmp_path):
    paths = [product(tmp_path, index, date) for index, date in enumerate(DATES)]
    for order in ([2, 0, 1], [1, 2, 0], [2, 1, 0]):
        stack = read_cslc_stack([paths[index] for index in order])
        assert (stack.dates, values(stack)) == (tuple(DATES), [0, 1, 2])


@pytest.mark.parametrize("flag", ["ellipsoidal_flattening_applied", "topographic_flattening_applied"])
def test_dates_that_are_flattened_differently_are_refused(tmp_path, flag):
    product(tmp_path, 0, DATES[0], **{flag: True})
    product(tmp_path, 1, DATES[1], **{flag: True})
    assert len(open_stack(tmp_path).dates) == 2
    assert open_stack(tmp_path).flattened is True
    product(tmp_path, 2, DATES[2], **{flag: False})
    for opened in (open_stack, open_catalogue):
        with pytest.raises(ValueError, match=f"flattened differently.*{flag} is True .* but 2024-04-25 False"):
            opened(tmp_path)


def test_other_differences_of_processing_are_reported(tmp_path):
    alike = {"ellipsoidal_flattening_applied": True, "elevation_antenna_pattern_correction_applied": np.bytes_("ESA")}
    product(tmp_path, 0, DATES[0], azimuth_fm_rate_applied=True, **alike)
    product(tmp_path, 1, DATES[1], azimuth_fm_rate_applied=False, **alike)
    with pytest.warns(UserWarning, match="azimuth_fm_rate_applied is True for 2024-04-01, but 2024-04-13 False"):
        stack = open_stack(tmp_path)
    assert values(stack) == [0, 1]


def test_a_wavelength_of_its_own_is_refused(tmp_path):
    product(tmp_path, 0, DATES[0])
    with h5py.File(product(tmp_path, 1, DATES[1]), "r+") as file:
        file["metadata/processing_information/input_burst_metadata/wavelength"][...] = 0.24
    with pytest.raises(ValueError, match=r"wavelength of .*20240413.* is 0.24, of the first date 0.05546576"):
        open_stack(tmp_path)


def test_the_newest_processing_of_a_date_is_taken(tmp_path):
    product(tmp_path, 0, DATES[0])
    product(tmp_path, 7, DATES[1])
    product(tmp_path, 1, DATES[1], made="20250101T000000Z")
    product(tmp_path, 8, DATES[1], made="20250101T000000Z", version="1.0")
    for opened in (open_stack, lambda path: open_catalogue(path).stack):
        with warnings.catch_warnings(record=True) as reported:
            warnings.simplefilter("always")
            stack = opened(tmp_path)
        assert len(reported) == 2
        assert all("is a newer processing of the same date" in str(each.message) for each in reported)
        assert "20240504T181714Z_S1A_VV_v1.1.h5 is left out" in str(reported[0].message)
        assert (stack.dates, values(stack)) == (tuple(DATES[:2]), [0, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inputs = open_catalogue(tmp_path).inputs
    assert "20250101T000000Z_S1A_VV_v1.1" in inputs["20240413"][0].name


def test_the_newest_is_told_by_its_version_and_never_by_the_order_of_the_files(tmp_path):
    first = product(tmp_path, 0, DATES[0])
    versions = [product(tmp_path, value, DATES[1], version=version) for value, version in ((5, "1.9"), (6, "1.10"))]
    copies = [product(tmp_path / folder, value, DATES[1], version="1.9") for folder, value in (("b", 8), ("a", 7))]
    for paths, chosen in ((versions, 6), (copies, 8)):
        for order in (paths, paths[::-1]):
            with pytest.warns(UserWarning, match="is a newer processing of the same date"):
                assert values(read_cslc_stack([first, *order])) == [0, chosen]


def test_names_of_compass_and_small_letters(tmp_path):
    for index, date in enumerate(DATES[:2]):
        place = tmp_path / "compass" / "t087_185683_iw2" / f"{date:%Y%m%d}"
        product(place, index, date, name=f"t087_185683_iw2_{date:%Y%m%d}.h5")
        product(tmp_path / "opera", index, date)
    for folder in (tmp_path / "compass", tmp_path / "compass" / "t087_185683_iw2", tmp_path / "opera"):
        for burst in (None, BURST, "t087_185683_iw2", "t087-185683-iw2"):
            assert values(open_stack(folder, burst=burst)) == [0, 1]
            assert values(open_catalogue(folder, burst=burst).stack) == [0, 1]
    rows = "".join(f"{path.name},{BURST}\n" for path in sorted((tmp_path / "opera").glob("*.h5")))
    (tmp_path / "opera" / "p.csv").write_text("path,burst\n" + rows)
    for burst in (None, BURST, "t087_185683_iw2"):
        assert values(open_catalogue(tmp_path / "opera" / "p.csv", burst=burst).stack) == [0, 1]


@pytest.mark.filterwarnings("ignore:.*compressed SLCs, which are not acquisitions")
def test_compressed_products_are_no_dates(tmp_path, shared_data):
    product(tmp_path, 0, DATES[0])
    days = "20240401T000000Z_20240401T000000Z_20240425T000000Z"
    product(tmp_path, 9, DATES[1], name=f"OPERA_L2_COMPRESSED-CSLC-S1_F07091_{BURST}_{days}_VV_v1.0.h5")
    with pytest.warns(UserWarning, match="1 compressed SLCs, which are not acquisitions, are left out"):
        assert values(open_stack(tmp_path)) == [0]
    for layout in ("opera-cslc", "compass"):
        folder = shared_data / "slc-layouts" / layout
        if folder.is_dir():
            dates = open_stack(folder, burst="t087_185683_iw2").dates
            assert [f"{date:%m%d}" for date in dates] == ["0618", "0630", "0712"]


MIDNIGHT = {"20221214": "000000", "20221225": "235959", "20230106": "235959", "20230119": "000000"}


@pytest.fixture
def midnight(tmp_path):
    """A track that passes at midnight UTC, every twelve days."""
    for index, (date, time) in enumerate(MIDNIGHT.items()):
        product(tmp_path / "cslc", index, datetime.datetime.strptime(date, "%Y%m%d"), time=time)
    return tmp_path / "cslc"


def test_days_count_from_passing_to_passing(midnight, tmp_path):
    stack = open_catalogue(midnight).stack
    write_stack(stack, tmp_path / "zarr")
    steps = ["20221214_20221225", "20221225_20230106", "20230106_20230119"]
    for opened in (stack, open_stack(tmp_path / "zarr")):
        assert [str(pair) for pair in choose_pairs(opened, days=(12,))] == steps
        assert [str(pair) for pair in choose_pairs(opened, max_days=12)] == steps
        assert [pair.days for pair in choose_pairs(opened, days=(24, 36))] == [24, 36, 24]
        assert [pair.days for pair in choose_pairs(opened, named=steps)] == [12, 12, 12]


def test_damage_of_any_kind_names_the_file(tmp_path):
    path = product(tmp_path, 0, DATES[0])
    original = path.read_bytes()
    reported = []
    for position in range(0, len(original), 397):
        path.write_bytes(original[:position] + b"\xff\x00\xff" + original[position + 3 :])
        try:
            open_stack(tmp_path).window()
        except ValueError as error:
            reported.append(str(error))
    assert len(reported) > 2
    assert all(path.name in text for text in reported)
