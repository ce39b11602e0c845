"""What GDAL complains of becomes one sentence."""

from __future__ import annotations

import pytest

from m3leo_sar.io.files.raster import read_raster


def test_a_complaint_that_is_no_text_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "a.tif").write_bytes(b"II*\0")

    def opened(*_, **__):
        b"\xcf".decode()

    monkeypatch.setattr("rasterio.open", opened)
    with pytest.raises(ValueError, match=r"a\.tif cannot be read as a raster: it holds bytes that are no text"):
        read_raster(tmp_path / "a.tif")
