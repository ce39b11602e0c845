"""The page "What you have, what to type": its rows are those of the table of readers, and work on the samples."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from m3leo_sar.io.stacks.registry import readers
from m3leo_sar.run.catalogue import open_catalogue

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "open-a-stack.md").read_text()
ROWS = re.findall(r"^\| (.+?) \| `([\w-]+)` \| (.+?) \| `m3leo-sar pairs (.+?)` \|$", PAGE, re.MULTILINE)
#: Samples without positions of their pixels, which the page says to put beside them.
BARE = ("capella", "sicd")


def test_the_page_has_a_row_for_each_kind_that_is_read():
    assert {(holds, name) for holds, name, *_ in ROWS} == {
        (entry.holds, entry.name) for entry in readers() if entry.is_read and not entry.name.startswith("own:")
    }


@pytest.mark.filterwarnings("ignore:2 of 2 products have no annotation_coregistered")
@pytest.mark.filterwarnings("ignore:.*compressed SLCs, which are not acquisitions")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[3])
def test_what_the_page_says_to_type_opens_the_sample(row, shared_data):
    folder, *words = shlex.split(row[3])
    place = shared_data / "slc-layouts" / folder
    if not place.is_dir():
        return
    options = {word.removeprefix("--"): value for word, value in zip(words[::2], words[1::2], strict=True)}
    if folder in BARE:
        with pytest.raises(ValueError, match="geometry/latitude.tif and geometry/longitude.tif beside"):
            open_catalogue(place, **options)
        return
    catalogue = open_catalogue(place, **options)
    assert catalogue.source["reader"] == row[1]
    assert len(catalogue.stack.dates) in (2, 3)
