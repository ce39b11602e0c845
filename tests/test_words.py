"""Every public word takes every kind of array, and gives it back."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import m3leo_sar
from m3leo_sar import BandStatistics, GeoBox, Looks, Pair, SlcStack, Statistics, StatisticsAccumulator, TileGrid, Window
from m3leo_sar.doors import blocks
from m3leo_sar.doors.results import leaves
from m3leo_sar.insar.bias import coherence_density, coherence_variance
from m3leo_sar.insar.homogeneous import neighbour_count
from m3leo_sar.warp.area import area_sample, corner_grid
from m3leo_sar.warp.doppler import doppler_centroid

xarray = pytest.importorskip("xarray")
dask_array = pytest.importorskip("dask.array")
torch = pytest.importorskip("torch")

RNG = np.random.default_rng(7)
ROWS, COLS, DATES = 29, 43, 4
STACK = (RNG.standard_normal((DATES, ROWS, COLS)) + 1j * RNG.standard_normal((DATES, ROWS, COLS))).astype("complex64")
STACK[1, 4:9, 11:15] = np.nan
COHERENCE = RNG.uniform(0.1, 0.9, (DATES, ROWS, COLS)).astype("float32")
DAYS = [datetime.date(2023, 3, 1) + datetime.timedelta(days=12 * index) for index in range(DATES)]
PAIRS = [(0, 1), (3, 2)]
WINDOW, LOOKS = Window(rows=3, cols=6), Looks(rows=3, cols=4)
BOX = GeoBox.from_bounds((500_000, 0, 500_430, 290), shape=(ROWS, COLS), crs="EPSG:32631")
TARGET = GeoBox.from_bounds((500_050, 40, 500_250, 200), shape=(17, 23), crs="EPSG:32631")
LATITUDE, LONGITUDE = (
    np.repeat(np.linspace(52.01, 52.0, ROWS)[:, None], COLS, axis=1),
    np.repeat(np.linspace(5.0, 5.02, COLS)[None], ROWS, axis=0),
)
GROUND = GeoBox.from_bounds((5.004, 52.002, 5.016, 52.008), shape=(13, 11), crs="EPSG:4326")
STATISTICS = Statistics((BandStatistics("coherence", centre=0.5, scale=0.25),))
POSITIONS = m3leo_sar.pixel_map(BOX, TARGET)


def _counted(chip: Any) -> np.ndarray:
    seen = StatisticsAccumulator([BandStatistics("coherence")])
    seen.update(chip)
    return seen.histograms


#: Word to a call of it with arrays of a kind.
WORDS: dict[str, Callable[[Callable[[np.ndarray], Any]], Any]] = {
    "coherence": lambda of: m3leo_sar.coherence(of(STACK[0]), of(STACK[1]), window=WINDOW),
    "coherence of pairs": lambda of: m3leo_sar.coherence(
        of(STACK), pairs=PAIRS, window=WINDOW, step=LOOKS, output="all", reference_phase=of(COHERENCE[0])
    ),
    "interferogram": lambda of: m3leo_sar.interferogram(of(STACK), pairs=PAIRS, looks=LOOKS),
    "interferogram oversampled": lambda of: m3leo_sar.interferogram(of(STACK[0]), of(STACK[2]), oversample=2),
    "interferogram all": lambda of: m3leo_sar.interferogram(of(STACK), pairs=PAIRS, looks=LOOKS, output="all"),
    "fringe_coherence": lambda of: m3leo_sar.fringe_coherence(of(STACK), pairs=PAIRS, window=WINDOW),
    "fringe_coherence all": lambda of: m3leo_sar.fringe_coherence(
        of(STACK[0]), of(STACK[1]), window=WINDOW, output="all"
    ),
    "homogeneous_pixels": lambda of: m3leo_sar.homogeneous_pixels(of(COHERENCE), window=WINDOW),
    "homogeneous_coherence": lambda of: m3leo_sar.homogeneous_coherence(
        of(STACK), pairs=PAIRS, window=WINDOW, mask=of(m3leo_sar.homogeneous_pixels(COHERENCE, window=WINDOW))
    ),
    "homogeneous_coherence all": lambda of: m3leo_sar.homogeneous_coherence(
        of(STACK),
        pairs=PAIRS,
        window=WINDOW,
        mask=of(m3leo_sar.homogeneous_pixels(COHERENCE, window=WINDOW)),
        output="all",
    ),
    "neighbour_count": lambda of: neighbour_count(of(m3leo_sar.homogeneous_pixels(COHERENCE, window=WINDOW))),
    "multilook": lambda of: m3leo_sar.multilook(of(COHERENCE), looks=LOOKS),
    "goldstein": lambda of: m3leo_sar.goldstein(of(STACK[0]), size=8),
    "closure_phase": lambda of: m3leo_sar.closure_phase(of(STACK[0]), of(STACK[1]), of(STACK[2])),
    "coherence_change": lambda of: m3leo_sar.coherence_change(of(COHERENCE[0]), of(COHERENCE[1])),
    "change_threshold": lambda of: m3leo_sar.change_threshold(of(COHERENCE), false_alarm=0.3, per_pixel=True),
    "line_of_sight_displacement": lambda of: m3leo_sar.line_of_sight_displacement(of(COHERENCE[0]), wavelength=0.05),
    "fit_decay": lambda of: m3leo_sar.fit_decay(of(COHERENCE), [12, 24, 36, 12]),
    "median_by_lag": lambda of: m3leo_sar.median_by_lag(of(COHERENCE), [12, 24, 36, 12]),
    "expected_coherence": lambda of: m3leo_sar.expected_coherence(of(COHERENCE[0, :2, :3]), equivalent_looks=9),
    "true_coherence": lambda of: m3leo_sar.true_coherence(of(COHERENCE[0, :2, :3]), equivalent_looks=9),
    "coherence_variance": lambda of: coherence_variance(of(COHERENCE[0, :2, :3]), equivalent_looks=9),
    "coherence_density": lambda of: coherence_density(of(COHERENCE[0, :2, :3]), 0.5, equivalent_looks=9),
    "equivalent_looks": lambda of: m3leo_sar.equivalent_looks(of(STACK[0]), window=WINDOW),
    "reproject": lambda of: m3leo_sar.reproject(of(STACK), BOX, TARGET),
    "reproject areas": lambda of: m3leo_sar.reproject(of(COHERENCE[0]), BOX, TARGET, resampling="average"),
    "geolocate": lambda of: m3leo_sar.geolocate(of(COHERENCE), of(LATITUDE), of(LONGITUDE), GROUND),
    "geolocation_map": lambda of: m3leo_sar.geolocation_map(of(LATITUDE), of(LONGITUDE), GROUND).rows,
    "sample": lambda of: m3leo_sar.sample(of(COHERENCE), POSITIONS),
    "area_sample": lambda of: area_sample(
        of(COHERENCE), m3leo_sar.pixel_map(BOX, corner_grid(TARGET)), resampling="average"
    ),
    "resample": lambda of: m3leo_sar.resample(of(STACK[0]), azimuth_offset=0.3, range_offset=of(0 * LATITUDE - 0.2)),
    "doppler_centroid": lambda of: doppler_centroid(of(STACK[0])),
    "measure_offsets": lambda of: m3leo_sar.measure_offsets(
        of(STACK[0]), of(STACK[2]), window=Window(rows=8, cols=10), grid=(2, 3)
    ),
    "normalise": lambda of: m3leo_sar.normalise(of(COHERENCE[:1]), STATISTICS),
    "normalise of planes": lambda of: m3leo_sar.normalise([of(COHERENCE[0])], STATISTICS),
    "denormalise": lambda of: m3leo_sar.denormalise(
        tuple(of(part) for part in m3leo_sar.normalise(COHERENCE[:1], STATISTICS)), STATISTICS
    ),
    "StatisticsAccumulator.update": lambda of: _counted(of(COHERENCE[:1])),
}
#: Words whose results are positions, counts and numbers, whatever came.
PLAIN = {"equivalent_looks", "geolocation_map", "doppler_centroid", "measure_offsets", "StatisticsAccumulator.update"}
#: Words for which a list is a chip of planes.
OF_PLANES = {"normalise", "normalise of planes", "denormalise", "StatisticsAccumulator.update"}
#: Words that run where NumPy is, for whom a device's arrays are moved by the caller.
HOST = {"expected_coherence", "true_coherence", "coherence_variance", "coherence_density", "measure_offsets"}


def _simt(array: np.ndarray) -> Any:
    from m3leo_sar._backend.simt import as_simt

    return as_simt(array.copy())


def _labelled(data: Any) -> Any:
    names = ("date", "y", "x") if data.shape[-2:] == (ROWS, COLS) else tuple("abcd")
    dims = names[-data.ndim :] if data.ndim < 4 else names
    coords = {"x": 500_005.0 + 10 * np.arange(COLS)} if "x" in dims else {}
    return xarray.DataArray(data, dims=dims, coords=coords, attrs={"track": 88})


def _chunked(array: np.ndarray) -> Any:
    return dask_array.from_array(array, chunks=tuple(max(1, size // 2) for size in array.shape))


def _swapped(array: np.ndarray) -> np.ndarray:
    """The same values in the bytes of the other kind of machine."""
    return array.astype(array.dtype.newbyteorder())


#: Kind of array to how to make it from a NumPy array, and the library of what comes back.
KINDS: dict[str, tuple[Callable[[np.ndarray], Any], str]] = {
    "simt": (_simt, ""),
    "masked": (lambda array: np.ma.masked_array(array.copy(), np.zeros(array.shape, bool)), "numpy"),
    "torch": (lambda array: torch.from_numpy(array.copy()), "torch"),
    "dask": (_chunked, "dask"),
    "xarray": (lambda array: _labelled(array.copy()), "xarray"),
    "xarray of dask": (lambda array: _labelled(_chunked(array)), "xarray"),
    "other byte order": (lambda array: _swapped(array), "numpy"),
    "dask of the other byte order": (lambda array: _chunked(_swapped(array)), "dask"),
    "xarray of the other byte order": (lambda array: _labelled(_swapped(array)), "xarray"),
}


@pytest.mark.parametrize(
    ("word", "kind"), [(word, kind) for word in WORDS for kind in KINDS if kind != "simt" or word not in HOST]
)
def test_what_comes_in_goes_out(word, kind):
    if kind == "simt" and not _simt_is_built():
        pytest.skip("the emulation is not built (M3LEO_SIMT=1)")
    make, library = KINDS[kind]
    library = "numpy" if kind.startswith("dask") and word == "denormalise" else library
    expected, got = (leaves(WORDS[word](of)) for of in (lambda array: array, make))
    assert [leaf.name for leaf in got] == [leaf.name for leaf in expected]
    for leaf, wanted in zip(got, expected, strict=True):
        if library and word not in PLAIN:
            assert type(leaf.value).__module__.partition(".")[0] == library, leaf.name
        value = np.asarray(leaf.value)
        assert value.dtype == np.asarray(wanted.value).dtype
        np.testing.assert_allclose(value, np.asarray(wanted.value), rtol=2e-4, atol=1e-4, err_msg=leaf.name)
        if library == "xarray" and word not in PLAIN:
            assert leaf.value.attrs.get("track") == 88


def _simt_is_built() -> bool:
    from importlib.resources import files

    return any(path.name.startswith("_simt.") for path in files("m3leo_sar._ext").iterdir())


def test_every_word_with_a_door_is_tried():
    tried = {name.partition(" ")[0] for name in WORDS}
    doored = {name for name in m3leo_sar.__all__ if hasattr(_word(name), "word")}
    beside = {"geo2rdr", "rdr2geo", "radar_map", "radar_view", "range_phase", "unwrap"}
    assert doored - tried == beside


def _word(name: str) -> Any:
    return getattr(m3leo_sar, name)


class Frame:
    """A table of another library."""

    def __array__(self, dtype=None, copy=None):
        return np.ones((3, 4))


Frame.__module__ = "polars.dataframe"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[1.0, 2.0]], "must be a NumPy, CuPy, torch, dask or xarray array, got list; convert it with numpy.asarray"),
        (Frame(), "must be a NumPy, CuPy, torch, dask or xarray array, got polars Frame; convert it with"),
        (xarray.Dataset({"a": ("x", [1.0])}), "got an xarray Dataset; take one of its variables"),
    ],
    ids=["list", "frame", "dataset"],
)
@pytest.mark.parametrize("word", [word for word in WORDS if word not in HOST | OF_PLANES or word == "measure_offsets"])
def test_other_kinds_get_one_true_sentence(word, value, message):
    with pytest.raises(TypeError, match=message):
        WORDS[word](lambda _: value)


def test_a_stack_where_pixels_are_wanted_says_how_to_read_them():
    with pytest.raises(TypeError, match=r"read its pixels with stack.window\(\)"):
        m3leo_sar.reproject(_stack(), BOX, TARGET)
    np.testing.assert_array_equal(np.asarray(_stack()), STACK)
    with pytest.raises(ValueError, match="copy must not be False"):
        np.array(_stack(), copy=False)


# An offset has no missing values.
@pytest.mark.parametrize("word", [word for word in WORDS if word not in HOST | {"resample"}])
def test_what_is_masked_is_no_data(word):
    hidden = np.zeros((ROWS, COLS), bool)
    hidden[12:15, 20:27] = True

    def with_nan(array: np.ndarray) -> np.ndarray:
        if array.dtype.kind not in "fc" or array is LATITUDE or array.shape[-2:] != (ROWS, COLS):
            return array
        return np.where(hidden, np.nan, array).astype(array.dtype)

    def with_mask(array: np.ndarray) -> np.ndarray:
        if array.dtype.kind not in "fc" or array is LATITUDE or array.shape[-2:] != (ROWS, COLS):
            return array
        spoilt = np.where(hidden, 1000, array).astype(array.dtype)
        return np.ma.masked_array(spoilt, np.broadcast_to(hidden, array.shape).copy())

    for leaf, wanted in zip(leaves(WORDS[word](with_mask)), leaves(WORDS[word](with_nan)), strict=True):
        np.testing.assert_allclose(np.asarray(leaf.value), np.asarray(wanted.value), rtol=1e-4, atol=1e-5)


def test_complex_int16_of_the_other_byte_order_is_read():
    parts = np.random.default_rng(3).integers(-3000, 3000, (DATES, ROWS, COLS, 2)).astype("int16")
    for array, pairs in ((parts, PAIRS), (parts[:2], (0, 1))):
        np.testing.assert_array_equal(
            m3leo_sar.coherence(_swapped(array), pairs=pairs, window=WINDOW),
            m3leo_sar.coherence(array, pairs=pairs, window=WINDOW),
        )


def test_a_mask_that_cannot_be_kept_is_refused():
    labels = np.ma.masked_equal(np.arange(ROWS * COLS, dtype="int32").reshape(ROWS, COLS), 7)
    with pytest.raises(TypeError, match="source is a masked array of int32, which has no NaN"):
        m3leo_sar.reproject(labels, BOX, TARGET, resampling="nearest", nodata=0)


def test_tensors_keep_their_memory_and_gradients_are_refused():
    stack = torch.from_numpy(STACK.copy())
    np.testing.assert_array_equal(
        m3leo_sar.interferogram(stack[0], stack[1].conj()).numpy(), m3leo_sar.interferogram(STACK[0], STACK[1].conj())
    )
    with pytest.raises(TypeError, match=r"reference must be a tensor without gradient.* give reference.detach\(\)"):
        m3leo_sar.coherence(stack[0].requires_grad_(), stack[1], window=WINDOW)
    with pytest.raises(TypeError, match="arrays must all be of one library, got a mix of numpy and torch"):
        m3leo_sar.coherence(STACK[0], stack[1], window=WINDOW)


def _stack(geometry: Any = BOX) -> SlcStack:
    return SlcStack.from_arrays(STACK, DAYS, geometry=geometry, polarisation="VV", track=88)


TWO_DATE_WORDS = {
    "coherence": lambda stack, **options: m3leo_sar.coherence(stack, window=WINDOW, **options),
    "interferogram": lambda stack, **options: m3leo_sar.interferogram(stack, looks=LOOKS, **options),
    "fringe_coherence": lambda stack, **options: m3leo_sar.fringe_coherence(stack, window=WINDOW, **options).coherence,
    "homogeneous_coherence": lambda stack, **options: m3leo_sar.homogeneous_coherence(
        stack, window=WINDOW, mask=m3leo_sar.homogeneous_pixels(stack, window=WINDOW), **options
    ),
}
#: Ways to name the pair of the second and the first date.
NAMED = {
    "Pair": Pair(DAYS[1], DAYS[0]),
    "text": "20230313_20230301",
    "ISO text": "2023-03-13/2023-03-01",
    "two dates": (DAYS[1], DAYS[0]),
    "two texts": ("2023-03-13", "20230301"),
    "datetime64": np.array(["2023-03-13", "2023-03-01"], "datetime64[ns]"),
    "indices": (1, 0),
    "array of indices": np.array([1, 0]),
}


@pytest.mark.parametrize("named", NAMED)
@pytest.mark.parametrize("word", TWO_DATE_WORDS)
def test_a_pair_by_any_name_is_the_same_pair(word, named):
    call, wanted = TWO_DATE_WORDS[word], TWO_DATE_WORDS[word](STACK, pairs=[(1, 0)])
    for stack in (_stack(), _dated()):
        many, one = call(stack, pairs=[NAMED[named]]), call(stack, pairs=NAMED[named])
        assert many.dims[0] == "pair"
        assert many.pair.values.tolist() == ["20230313_20230301"]
        assert str(one.pair.values) == "20230313_20230301"
        assert int(one.days) == -12
        assert one.dims == many.dims[1:]
        np.testing.assert_array_equal(many, wanted)
        np.testing.assert_array_equal(one, wanted[0])
        np.testing.assert_array_equal(call(stack, pairs=many.pair), wanted)
    if named in ("indices", "array of indices"):
        np.testing.assert_array_equal(call(STACK, pairs=NAMED[named]), wanted[0])
    else:
        with pytest.raises(TypeError, match="pairs of an array without dates must be"):
            call(STACK, pairs=NAMED[named])


def _dated() -> Any:
    coords = {"time": np.array(DAYS, "datetime64[ns]")}
    return xarray.DataArray(STACK, dims=("time", "row", "col"), coords=coords)


@pytest.mark.parametrize(
    ("pairs", "error", "message"),
    [
        ([], ValueError, "pairs must hold at least one pair, got none"),
        ("20230301", ValueError, "pairs must be a Pair, 'YYYYMMDD_YYYYMMDD', two dates or two indices"),
        ([(0, 4)], ValueError, "pairs must index the 4 dates, 0 to 3, got 4"),
        ([(0, -1)], ValueError, "got -1"),
        ([(0, 1, 2)], TypeError, r"pairs must be a Pair.*got \(0, 1, 2\)"),
        ([(0.0, 1.0)], TypeError, "pairs must be a Pair"),
        ([("2023-03-01", "2023-03-02")], ValueError, "date 2023-03-02 is not in the stack of 4 dates; nearest"),
        (5, TypeError, "pairs must be a Pair"),
    ],
)
def test_no_pair_is_named_wrongly_without_a_word(pairs, error, message):
    for word in TWO_DATE_WORDS.values():
        with pytest.raises(error, match=message):
            word(_stack(), pairs=pairs)


def test_a_date_that_occurs_twice_names_no_pair():
    twice = _dated().isel(time=[0, 0, 1, 2])
    with pytest.raises(ValueError, match="must name dates that occur once, got 2023-03-01"):
        m3leo_sar.coherence(twice, pairs="20230301_20230313", window=WINDOW)


@pytest.mark.parametrize("budget", [1, 11])
@pytest.mark.parametrize("word", [*TWO_DATE_WORDS, "homogeneous_pixels", "multilook"])
def test_blocks_of_a_stack_do_not_show(word, budget, monkeypatch):
    def call(stack: Any) -> Any:
        if word == "homogeneous_pixels":
            return m3leo_sar.homogeneous_pixels(stack, window=WINDOW, test="ks")
        if word == "multilook":
            return m3leo_sar.multilook(stack, looks=LOOKS)
        return TWO_DATE_WORDS[word](stack, pairs=PAIRS)

    monkeypatch.setattr(blocks, "BUDGET", budget * DATES * COLS * 8)
    got = call(_stack())
    np.testing.assert_array_equal(got, call(STACK))
    assert got.spatial_ref.attrs["crs_wkt"].startswith("PROJCRS")


@pytest.mark.parametrize("output", ["magnitude", "complex", "all"])
def test_every_windowed_word_has_the_same_outputs(output, monkeypatch):
    """Of stacks in blocks, of pairs and of complex int16, under the same names."""
    mask = m3leo_sar.homogeneous_pixels(STACK, window=WINDOW)
    words = {
        "coherence": lambda stack: m3leo_sar.coherence(stack, pairs=PAIRS, window=WINDOW, output=output),
        "fringe": lambda stack: m3leo_sar.fringe_coherence(stack, pairs=PAIRS, window=WINDOW, output=output),
        "homogeneous": lambda stack: m3leo_sar.homogeneous_coherence(
            stack, pairs=PAIRS, window=WINDOW, mask=mask, output=output
        ),
        "interferogram": lambda stack: m3leo_sar.interferogram(stack, pairs=PAIRS, looks=LOOKS, output=output),
    }
    stored = np.nan_to_num(np.stack([STACK.real, STACK.imag], axis=-1) * 100, nan=-32768).astype(np.int16)
    monkeypatch.setattr(blocks, "BUDGET", 11 * DATES * COLS * 8)
    for name, call in words.items():
        plain, in_blocks = leaves(call(STACK)), leaves(call(_stack()))
        assert [leaf.name for leaf in in_blocks] == [leaf.name for leaf in plain]
        for ours, theirs in zip(in_blocks, plain, strict=True):
            np.testing.assert_array_equal(ours.value, theirs.value, err_msg=f"{name} {ours.name}")
        first = plain[0].value
        assert np.iscomplexobj(first) == (output == "complex" or (name == "interferogram" and output == "all"))
        kinds = [(leaf.name, leaf.value.dtype, leaf.value.shape) for leaf in leaves(call(stored))]
        assert kinds == [(leaf.name, leaf.value.dtype, leaf.value.shape) for leaf in plain]


@pytest.mark.parametrize("word", TWO_DATE_WORDS)
def test_complex_int16_is_an_slc_for_every_word(word):
    stored = np.stack([STACK.real, STACK.imag], axis=-1) * 100
    stored = np.where(np.isnan(stored), -32768, np.rint(stored)).astype(np.int16)
    plain = np.where((stored == -32768).any(-1), np.nan, stored[..., 0] + 1j * stored[..., 1]).astype(np.complex64)
    got, wanted = (TWO_DATE_WORDS[word](stack, pairs=PAIRS) for stack in (stored, plain))
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    lazy = dask_array.from_array(stored, chunks=(1, 8, 20, 2))
    np.testing.assert_array_equal(TWO_DATE_WORDS[word](lazy, pairs=PAIRS), got)


def test_a_result_carries_no_date_of_one():
    image = _dated()
    both = m3leo_sar.coherence(image[0], image[2], window=WINDOW)
    assert "time" not in both.coords
    assert str(both.pair.values) == "20230301_20230325"
    assert int(both.days) == 24
    alone = m3leo_sar.coherence(image[0], image[2].drop_vars("time"), window=WINDOW)
    assert "time" not in alone.coords
    assert "time" in m3leo_sar.multilook(image[0], looks=LOOKS).coords


def test_attributes_that_disagree_are_left_out():
    image = _dated()
    first, second = (image[k].assign_attrs(track=88, date=str(DAYS[k])) for k in (0, 1))
    assert m3leo_sar.interferogram(first, second).attrs == {"track": 88, "long_name": "interferogram"}


def test_looks_lie_in_the_middle_of_their_samples():
    looked = m3leo_sar.multilook(_labelled(STACK), looks=LOOKS)
    np.testing.assert_array_equal(looked.x, BOX.reduced(3, 4).centres()[0][0])
    stack = m3leo_sar.interferogram(_stack(), pairs=PAIRS, looks=LOOKS)
    np.testing.assert_array_equal(stack.x, looked.x)
    assert "GeoTransform" not in stack.spatial_ref.attrs


def test_a_result_on_a_tile_has_the_coordinates_of_the_tile():
    chip = m3leo_sar.reproject(_labelled(STACK).assign_coords(y=np.arange(ROWS)), BOX, TARGET)
    assert chip.dims == ("date", "y", "x")
    np.testing.assert_array_equal(chip.x, TARGET.centres()[0][0])
    np.testing.assert_array_equal(chip.y, TARGET.centres()[1][:, 0])
    assert chip.spatial_ref.attrs["GeoTransform"].startswith("500050.0 ")
    moved = m3leo_sar.resample(_labelled(STACK[0]), azimuth_offset=0.3)
    assert moved.dims == ("y", "x")
    assert "x" not in moved.coords


def test_a_tile_goes_wherever_a_geobox_does():
    tile = TileGrid.exact((5.0, 52.0, 5.02, 52.01))[0]
    longitude, latitude = np.meshgrid(np.linspace(4.9, 5.2, 40), np.linspace(52.1, 51.9, 30))
    source = GeoBox.from_bounds((4.9, 51.9, 5.2, 52.1), shape=(30, 40), crs="EPSG:4326")
    plane = RNG.uniform(size=(30, 40))
    for call in (
        lambda where: m3leo_sar.reproject(plane, source, where),
        lambda where: m3leo_sar.reproject(plane, source, where, resampling="average"),
        lambda where: m3leo_sar.geolocate(plane, latitude, longitude, where),
        lambda where: m3leo_sar.pixel_map(source, where).rows,
        lambda where: m3leo_sar.geolocation_map(latitude, longitude, where).cols,
    ):
        np.testing.assert_array_equal(call(tile), call(tile.geobox))
        with pytest.raises(TypeError, match="tile must be a Tile or a GeoBox, got tuple"):
            call((0, 0, 1, 1))


def test_products_of_a_tile():
    statistics = Statistics((
        BandStatistics("coherence", centre=0.5, scale=0.25),
        BandStatistics("interferogram", "phasor", planes=(1,)),
    ))  # fmt: skip
    found = m3leo_sar.tile_products(_stack(), TARGET, pairs=PAIRS, window=WINDOW, normalise=statistics)
    assert found.coherence.dims == ("pair", "y", "x")
    assert found["values"].dims == ("pair", "channel", "y", "x")
    assert found.pair.values.tolist() == ["20230301_20230313", "20230406_20230325"]
    whole = m3leo_sar.coherence(STACK, pairs=PAIRS, window=WINDOW)
    np.testing.assert_array_equal(found.coherence, np.clip(m3leo_sar.sample(whole, POSITIONS), 0, 1))
    np.testing.assert_array_equal(found.mask, ~np.isnan(found.coherence))
    values = m3leo_sar.normalise([found.coherence.values[1], found.interferogram.values[1]], statistics).values
    np.testing.assert_array_equal(found["values"][1], values)
    assert found.coherence.spatial_ref.attrs["crs_wkt"].startswith("PROJCRS")
    one = m3leo_sar.tile_products(_stack(), TARGET, pairs="20230301_20230313", window=WINDOW)
    assert one.coherence.dims == ("y", "x")
    assert float(one.looks.max()) == WINDOW.rows * WINDOW.cols
    with pytest.raises(TypeError, match=r"window must be a Window\(rows=, cols=\), got \(5, 20\)"):
        m3leo_sar.tile_products(_stack(), TARGET, pairs=PAIRS, window=(5, 20))


@pytest.mark.parametrize("named", NAMED)
def test_an_archive_is_prepared_from_a_pair_by_any_name(named):
    from m3leo_sar.run.prepare import _pairs

    assert _pairs(_stack(), NAMED[named], None) == [Pair(DAYS[1], DAYS[0])]
    assert _pairs(_stack(), [NAMED[named]], None) == [Pair(DAYS[1], DAYS[0])]
    assert len(_pairs(_stack(), "all", None)) == DATES * (DATES - 1) // 2
