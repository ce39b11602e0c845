"""A folder of another processor is named as such, with a hint at what is read."""

from __future__ import annotations

import pytest

from m3leo_sar.io.stacks.open_stack import open_stack

#: Processor to the files that it leaves.
LEFT = {
    "an ISCE2 stack": ("20200101/20200101.slc.full", "20200101/20200101.slc.full.vrt"),
    "an ISCE2 stack ": ("20200101/20200101.slc", "20200101/20200101.slc.xml"),
    "a SNAP BEAM-DIMAP product": ("i_IW1_VV_01Jan2020.img", "i_IW1_VV_01Jan2020.hdr", "q_IW1_VV_01Jan2020.img"),
    "a SNAP BEAM-DIMAP product ": ("stack.dim", "stack.data/i_IW1_VV_01Jan2020.img"),
    "a GAMMA folder": ("20200101.rslc", "20200101.rslc.par"),
    "a GAMMA folder ": ("20200101.slc", "20200101.slc.par"),
}


@pytest.mark.parametrize("processor", LEFT)
def test_what_other_processors_leave_is_named(tmp_path, processor):
    for name in LEFT[processor]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"0")
    message = f"is no stack: it looks like {processor.strip()} .* not read yet; export complex GeoTIFFs or VRTs"
    with pytest.raises(ValueError, match=message):
        open_stack(tmp_path)
    # An export beside it is what is meant; this one is no raster.
    (tmp_path / "20200101.tif").write_bytes(b"0")
    with pytest.raises((ValueError, OSError), match="cannot be read as a raster"):
        open_stack(tmp_path)
