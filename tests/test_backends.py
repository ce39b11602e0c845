"""The backends say the same words, and their kernels agree."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from m3leo_sar._backend import cpu, device_kernels
from m3leo_sar._backend.normalise_request import NormaliseRequest
from m3leo_sar._backend.places import Places
from m3leo_sar._backend.source import kernel_source
from m3leo_sar.warp.pixel_map import PixelMap

ROOT = Path(__file__).resolve().parents[1]
STEMS = sorted(path.stem for path in (ROOT / "ext").glob("*/*.cu"))


def test_cpu_and_device_kernels_have_the_same_names_and_arguments() -> None:
    moved = {"to_device", "to_host"}
    assert set(cpu.__all__) - moved == set(device_kernels.KERNELS)
    for name, function in device_kernels.KERNELS.items():
        _, *arguments = inspect.signature(function).parameters
        assert arguments == list(inspect.signature(getattr(cpu, name)).parameters), name


@pytest.mark.parametrize("name", ["gpu", "simt"])
def test_gpu_and_simt_bind_every_kernel_and_move_arrays(name: str) -> None:
    # Read, not imported: neither needs to be able to run here.
    tree = ast.parse((ROOT / f"src/m3leo_sar/_backend/{name}.py").read_text())
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert {"to_device", "to_host"} <= functions
    assert any("bound(" in ast.unparse(node) for node in tree.body if isinstance(node, ast.Expr))


@pytest.mark.parametrize("stem", STEMS)
def test_kernel_text_is_self_contained(stem: str) -> None:
    text = kernel_source(stem)
    assert '#include "' not in text
    assert text.count("#define M3_HOSTDEV_H") == 1
    assert re.search(r"M3_ENTRY\(\w", text)


def test_every_cuda_text_is_emulated() -> None:
    listed = re.findall(r'#include "\.\./\w+/(\w+)\.cu"', (ROOT / "ext/simt/kernels.cpp").read_text())
    assert sorted(listed) == STEMS


def test_no_kernel_without_its_cpu_twin() -> None:
    # A second text of one kernel, for the windows of many pairs.
    twins = {"coherence_strips": "coherence"}
    assert {path.stem for path in (ROOT / "ext").glob("*/*.pyx")} == {twins.get(stem, stem) for stem in STEMS}


def test_loading_the_kernels_leaves_small_numbers_alone() -> None:
    # A library linked with -ffast-math turns on flush-to-zero for the whole process.
    code = (
        "import numpy as np\nfrom m3leo_sar._ext import coherence, geolocate, interferogram\n"
        "from m3leo_sar._ext import multilook, normalise, warp\n"
        "print(float(np.float32(1e-40) * np.float32(1)) > 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128", "uint8", "int16", "int32"])
def test_nearest_agrees_with_the_cpu(backend, rng, dtype) -> None:
    source = (100 * rng.standard_normal((2, 13, 17))).astype(dtype)
    rows, cols = rng.uniform(-2, 15, (9, 11)), rng.uniform(-2, 19, (9, 11))
    rows[0, 0] = np.nan
    fill = np.nan if source.dtype.kind in "fc" else 7
    expected = cpu.warp_nearest(source, Places(rows, cols, 0, rows.shape), fill)
    places = Places(backend.array(rows), backend.array(cols), 0, rows.shape)
    got = _module(backend).warp_nearest(backend.array(source), places, fill)
    np.testing.assert_array_equal(backend.numpy(got), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_bilinear_agrees_with_the_cpu(backend, rng, dtype) -> None:
    source = (
        (rng.standard_normal((3, 13, 17)) + 1j * rng.standard_normal((3, 13, 17))).astype(dtype, copy=False)
        if (np.dtype(dtype).kind == "c")
        else rng.standard_normal((3, 13, 17)).astype(dtype)
    )
    source[:, 4, 5] = np.nan
    rows, cols = rng.uniform(-2, 15, (9, 11)), rng.uniform(-2, 19, (9, 11))
    expected = cpu.warp_bilinear(source, Places(rows, cols, 0, rows.shape))
    places = Places(backend.array(rows), backend.array(cols), 0, rows.shape)
    got = backend.numpy(_module(backend).warp_bilinear(backend.array(source), places))
    tolerance = 1e-6 if dtype in ("float32", "complex64") else 1e-14
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("terms", [1, 2, 5])
def test_places_in_terms_are_added_up_alike(backend, rng, terms) -> None:
    rows, cols = rng.uniform(-2, 3, (2, 9, terms)), rng.uniform(0, 3, (2, terms, 71))
    # Some on the lattice but for rounding.
    rows[:, 4] = 1 / 3 / terms
    cols[:, :, 5] = 3 + 1e-9
    found = PixelMap.from_places(Places(rows, cols, terms, (9, 71), (2.0, -3.0)), (13, 17))
    source = rng.standard_normal((2, 13, 17))
    expected = cpu.warp_bilinear(source, Places(found.rows, found.cols, 0, (9, 71)))
    assert 0 < np.isnan(expected).sum() < expected.size
    places = found.places._replace(rows=backend.array(rows), cols=backend.array(cols))
    got = backend.numpy(_module(backend).warp_bilinear(backend.array(source), places))
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
    if backend.name == "cpu":
        np.testing.assert_array_equal(got, expected)


def test_inverse_geolocation_agrees_with_the_cpu(backend, rng) -> None:
    down, across = np.mgrid[0:12, 0:15]
    tile_row = 20 - 1.7 * down + 0.3 * across + 0.05 * rng.standard_normal((12, 15))
    tile_col = 25 - 1.6 * across - 0.2 * down + 0.05 * rng.standard_normal((12, 15))
    tile_row[3, 4] = np.nan
    expected = cpu.geolocate_inverse(tile_row, tile_col, (23, 29))
    got = _module(backend).geolocate_inverse(backend.array(tile_row), backend.array(tile_col), (23, 29))
    assert np.isfinite(expected[0]).sum() > 200
    for result, wanted in zip(got, expected, strict=True):
        np.testing.assert_allclose(backend.numpy(result), wanted, atol=1e-9)


def test_normalise_agrees_with_the_cpu(backend, rng) -> None:
    chip = rng.standard_normal((5, 11, 13)).astype(np.float32)
    chip[:, 2, 3] = np.nan
    recipes = np.tile([-2.0, 2.0, 0.1, 0.7, np.nan, np.nan, np.nan, 0.0, 0.0, 0.0, 0.0], (5, 1))
    places = np.array([(code, code, code, -1) for code in range(5)], np.int32)
    request = NormaliseRequest(places=places, recipes=recipes, shape=(6, 11, 13))
    values, mask = cpu.normalise(list(chip), request)
    got_values, got_mask = _module(backend).normalise(list(backend.array(chip)), request)
    np.testing.assert_array_equal(backend.numpy(got_mask), mask)
    np.testing.assert_allclose(backend.numpy(got_values), values, atol=2e-6)


def _module(backend):
    if backend.name == "cpu":
        return cpu
    return __import__(f"m3leo_sar._backend.{backend.name}", fromlist=["x"])
