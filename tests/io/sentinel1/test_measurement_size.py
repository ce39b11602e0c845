"""Measurements that are cut short are found without their pixels."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tiny_safe import write_safe

from m3leo_sar.io.sentinel1.measurement_size import require_measurement
from m3leo_sar.io.sentinel1.product import open_product


@pytest.mark.parametrize("compress", [None, "deflate"])
@pytest.mark.parametrize("is_zip", [False, True])
def test_a_measurement_that_is_cut_short_is_named_with_its_product(tmp_path: Path, is_zip, compress):
    place = write_safe(tmp_path / "whole", swaths={"IW1": [110431, 110432]}, compress=compress)
    whole = open_product(packed(place) if is_zip else place).bursts[0]
    require_measurement(whole)
    pixels = next(place.glob("measurement/*"))
    pixels.write_bytes(pixels.read_bytes()[:-40])
    cut = open_product(packed(place) if is_zip else place)
    with pytest.raises(ValueError, match=rf"{pixels.name} of {cut.path.name} is cut short, .*; download the product"):
        require_measurement(cut.bursts[0])


def packed(product: Path) -> Path:
    return Path(shutil.make_archive(str(product.with_suffix("")), "zip", product.parent, product.name))
