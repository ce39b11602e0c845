"""xarray and dask arrays give what plain ones give, with their labels."""

import numpy as np
import pytest

from m3leo_sar import Looks, Window, coherence
from m3leo_sar.insar.coherence import CoherenceMaps

xarray = pytest.importorskip("xarray")
dask_array = pytest.importorskip("dask.array")
WINDOW = Window(rows=5, cols=8)


@pytest.fixture
def stack(rng):
    stack = (rng.standard_normal((4, 61, 83)) + 1j * rng.standard_normal((4, 61, 83))).astype(np.complex64)
    stack[2, 20:30, 40:50] = np.nan
    return stack


def labelled(stack, *, chunks=None):
    data = stack if chunks is None else dask_array.from_array(stack, chunks=chunks)
    coords = {
        "date": np.arange("2023-01-01", "2023-02-18", 12, dtype="datetime64[D]")[: len(stack)].astype("datetime64[ns]"),
        "y": 5_000_000.0 - 10 * np.arange(stack.shape[1]),
        "x": 500_000.0 + 10 * np.arange(stack.shape[2]),
        "height": (("y", "x"), np.ones(stack.shape[1:])),
    }
    return xarray.DataArray(data, dims=("date", "y", "x"), coords=coords, attrs={"crs": "EPSG:32631"}, name="slc")


@pytest.mark.parametrize("chunks", [None, (1, 20, 30), (4, 17, 83)])
@pytest.mark.parametrize("step", [None, Looks(rows=3, cols=4)])
def test_pairs_of_a_labelled_stack(stack, chunks, step):
    pairs = [(0, 1), (3, 2), (0, 2)]
    got = coherence(labelled(stack, chunks=chunks), pairs=pairs, window=WINDOW, step=step)
    expected = coherence(stack, pairs=pairs, window=WINDOW, step=step)
    np.testing.assert_array_equal(got.values, expected)
    assert got.dims == ("pair", "y", "x")
    assert list(got.pair.values) == ["20230101_20230113", "20230206_20230125", "20230101_20230125"]
    assert got.days.values.tolist() == [12, -12, 24]
    assert got.reference.values[1] == np.datetime64("2023-02-06")
    assert got.name == "coherence"
    assert got.attrs == {"crs": "EPSG:32631", "long_name": "coherence", "units": "1"}
    rows, cols = (1, 2) if step else (0, 0)
    every = (3, 4) if step else (1, 1)
    # The middle of a window of 8 lies half a sample before the sample that the result is of.
    middle = 5.0 if step else 0.0
    np.testing.assert_array_equal(
        got.x, (500_000.0 + 10 * np.arange(83))[cols :: every[1]][: expected.shape[2]] - middle
    )
    np.testing.assert_array_equal(got.y, (5_000_000.0 - 10 * np.arange(61))[rows :: every[0]][: expected.shape[1]])
    assert "height" in got.coords
    assert "date" not in got.coords


@pytest.mark.parametrize("output", ["magnitude", "complex", "all"])
@pytest.mark.parametrize("chunks", [(13, 22), (61, 16)])
def test_blocks_do_not_show(stack, output, chunks):
    phase = np.random.default_rng(0).uniform(-3, 3, stack.shape[1:])
    first, second, plane = (dask_array.from_array(array, chunks=chunks) for array in (stack[0], stack[2], phase))
    options = {"window": WINDOW, "output": output, "min_valid": 0.4}
    got = coherence(first, second, reference_phase=plane, **options)
    expected = coherence(stack[0], stack[2], reference_phase=phase, **options)
    assert isinstance(got, CoherenceMaps) == (output == "all")
    for ours, theirs in zip(got, expected, strict=True) if output == "all" else [(got, expected)]:
        assert isinstance(ours, dask_array.Array)
        np.testing.assert_array_equal(ours.compute(), theirs)


def test_two_labelled_images_and_all_maps(stack):
    whole = labelled(stack)
    maps = coherence(whole[0], whole[1], window=WINDOW, output="all")
    expected = coherence(stack[0], stack[1], window=WINDOW, output="all")
    for name, got in zip(maps._fields, maps, strict=True):
        assert got.name == name
        assert got.dims == ("y", "x")
        np.testing.assert_array_equal(got.values, getattr(expected, name))
    assert maps.phase.attrs["units"] == "rad"
    assert "units" not in maps.power_reference.attrs


def test_a_stack_of_complex_int16_in_blocks(stack):
    from m3leo_sar.stack.complex_int16 import to_complex_int16

    stored = to_complex_int16(stack, scale=1e-3)
    got = coherence(dask_array.from_array(stored, chunks=(2, 19, 31, 1)), pairs=[(1, 3)], window=WINDOW)
    np.testing.assert_array_equal(got.compute(), coherence(stored, pairs=[(1, 3)], window=WINDOW))


def test_nothing_is_computed_before_it_is_asked_for(stack):
    def fail(*_):
        raise AssertionError("computed too early")

    lazy = dask_array.map_blocks(
        fail, dask_array.from_array(stack, chunks=(4, 30, 30)), dtype=stack.dtype, meta=stack[:0]
    )
    assert coherence(lazy, pairs=[(0, 1)], window=WINDOW).shape == (1, 61, 83)


def test_images_on_two_grids_are_refused(stack):
    whole = labelled(stack)
    with pytest.raises(ValueError, match="secondary must have the coordinates of reference along 'x'"):
        coherence(whole[0], whole[1].assign_coords(x=whole.x + 5), window=WINDOW)
    with pytest.raises(TypeError, match="arrays must all be of one library, got a mix of numpy and xarray"):
        coherence(whole[0], stack[1], window=WINDOW)
    with pytest.raises(ValueError, match="pairs must index the 4 dates"):
        coherence(labelled(stack, chunks=(1, 20, 30)), pairs=[(0, 4)], window=WINDOW)
    for data in (
        labelled(stack),
        labelled(stack, chunks=(4, 20, 30)),
        dask_array.from_array(stack, chunks=(4, 20, 30)),
    ):
        with pytest.raises(TypeError, match="window must be a Window"):
            coherence(data, pairs=[(0, 1)], window=5)
        with pytest.raises(TypeError, match="step must be Looks"):
            coherence(data, pairs=[(0, 1)], window=WINDOW, step=3)
        with pytest.raises(ValueError, match="step rows .* got 62"):
            coherence(data, pairs=[(0, 1)], window=WINDOW, step=Looks(rows=62, cols=1))
