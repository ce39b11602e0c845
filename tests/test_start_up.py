"""What is loaded when the package and its command start; times are in benchmarks/start_up.py."""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path

import pytest

from m3leo_sar import GeoBox, simulate_scene
from m3leo_sar.io.stacks.zarr_stack import write_stack

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import busy
import start_up

#: Libraries that take a tenth of a second and more.
HEAVY = "torch lightning cupy scipy numba matplotlib pandas pyarrow xarray dask h5py rasterio zarr pyproj shapely"
CODE = """
import sys
command, *sys.argv[1:] = sys.argv[1:]
try:
    exec(command)
except SystemExit as ended:
    assert not ended.code
print([name for name in '{}'.split() if name in sys.modules], file=sys.stderr)
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("start") / "stack"
    box = GeoBox.from_bounds((680_000, 5_500_000, 680_090, 5_500_070), shape=(7, 9), crs="EPSG:32631")
    write_stack(simulate_scene(box, dates=[datetime.date(2023, 3, 1), datetime.date(2023, 3, 13)]).stack, folder)
    return folder


@pytest.mark.parametrize(
    ("command", "arguments", "heavy"),
    [
        ("import m3leo_sar", [], f"{HEAVY} numpy inspect importlib.metadata"),
        ("from m3leo_sar.app.command import main; main()", ["--help"], f"{HEAVY} numpy"),
        ("from m3leo_sar.app.command import main; main()", ["train", "--help"], f"{HEAVY} numpy"),
        # Of affine and typer come attrs and pydantic, which are light beside these.
        ("from m3leo_sar.app.command import main; main()", ["pairs", "STACK"], f"{HEAVY} asyncio"),
    ],
)
def test_no_library_is_loaded_that_a_start_does_not_need(command, arguments, heavy, stack):
    words = [str(stack) if word == "STACK" else word for word in arguments]
    line = [sys.executable, "-c", CODE.format(heavy), command, *words]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_starts_and_small_trainings_are_timed(tmp_path):
    source = Path(start_up.__file__).resolve().parents[1] / "src"
    assert start_up.seconds(["-c", "import m3leo_sar"], source, tmp_path / "compiled") > 0
    assert list(start_up.starts(tmp_path))[2:] == ["import m3leo_sar", "m3leo-sar --help", "m3leo-sar pairs"]
    steps = busy.training(iter([0.0, 0.0]))
    with busy.beside(1):
        assert all(seconds > 0 for step in steps for seconds in step)
