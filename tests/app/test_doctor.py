"""The commands that describe Sentinel-1 inputs and the machine."""

from __future__ import annotations

import datetime
import sys

import pytest
from tiny_safe import FIRST, NODE, write_safe

from m3leo_sar._backend import choose
from m3leo_sar.app import command
from m3leo_sar.app.machine_facts import machine_facts
from m3leo_sar.grid import geoid


@pytest.fixture
def call(monkeypatch, capfd, columns):
    """Runs the command; its exit code, output and errors."""
    columns(140)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["m3leo-sar", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            command.main()
        return ended.value.code, *capfd.readouterr()

    return run


def test_the_machine_is_described(call, monkeypatch, tmp_path):
    monkeypatch.setattr(geoid, "proj_folders", lambda: [str(tmp_path)])
    monkeypatch.setattr(geoid, "_SYSTEM", ())
    (tmp_path / "egm96_15.gtx").write_bytes(b"")
    facts = machine_facts()
    assert facts["geoid grids of PROJ"]["egm96"] == str(tmp_path / "egm96_15.gtx")
    assert facts["geoid grids of PROJ"]["egm2008"].startswith(
        "missing: heights above it need --geoid FILE, or us_nga_egm08"
    )
    assert facts["drivers of GDAL"]["GTiff"].startswith("GeoTIFF")
    assert facts["processors"]["compiled kernels"] == "built"
    assert "GDAL of rasterio" in facts["versions"]
    assert facts["packages"]["zarr"].startswith("zarr 3")
    code, out, errors = call("doctor")
    assert (code, errors) == (0, "")
    assert "geoid grids of PROJ" in out


def test_a_gpu_that_cannot_be_used_is_a_fact(monkeypatch):
    class Runtime:
        @staticmethod
        def getDeviceCount():
            raise RuntimeError("the driver\nis too old")

    class Library:
        class cuda:
            runtime = Runtime

    monkeypatch.setattr(choose.importlib, "import_module", lambda name: Library)
    assert choose.gpu_devices() == ["none: the driver is too old"]

    def fail(name):
        raise ImportError("no module named cupy")

    monkeypatch.setattr(choose.importlib, "import_module", fail)
    assert choose.gpu_devices() == ["none: CuPy cannot be imported (no module named cupy)"]


def test_a_product_is_described_on_a_narrow_terminal(call, columns, shared_data):
    columns(80)
    code, out, errors = call("describe", next((shared_data / "s1-safe-metadata").glob("S1A*20230904*.zip")))
    assert code == 0, errors
    for words in ("52, descending", "Sentinel-1 IPF 003.61", "T052-110431-IW1", "06:37:31.072", "missing of IW1 VV"):
        assert words in out
    assert out.count("T052-") == 27


def test_a_folder_of_products_and_an_orbit_file_are_described(call, tmp_path, shared_data):
    later = datetime.timedelta(days=12)
    write_safe(tmp_path, swaths={"IW1": [110431, 110432]}, polarisations=("VV", "VH"))
    write_safe(tmp_path, swaths={"IW1": [110431]}, first=FIRST + later, node=NODE + later, processor="002.36")
    code, out, errors = call("describe", tmp_path)
    assert code == 0, errors
    rows = [[part.strip() for part in line.split("│")[1:-1]] for line in out.splitlines() if "│" in line]
    assert rows == [
        ["2023-09-04 S1A", "52 descending", "1", "2", "VH, VV", "Auxiliary", "003.61"],
        ["2023-09-16 S1A", "52 descending", "1", "1", "VV", "Auxiliary", "002.36"],
    ]
    code, out, errors = call("describe", next((shared_data / "s1-iw3-crop").glob("*.EOF")))
    assert code == 0, errors
    assert "RESORB, restituted" in out
    assert "1186, 0 of them degraded" in out
    (tmp_path / "S1A_IW_SLC__1SDV_broken.zip").write_bytes(b"PK")
    code, _, errors = call("describe", tmp_path / "S1A_IW_SLC__1SDV_broken.zip")
    assert (code, "must be a SAFE folder or a zip of one" in errors) == (1, True)
