"""Chips of several windows and masks are not mixed unseen in one archive."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import call_here
from production import recipe, tiles, write_dates

from m3leo_sar import Window
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip_settings import OtherSettingsWarning, archive_settings, settings_of, warn_of_other_settings
from m3leo_sar.io.stacks.zarr_stack import read_stack
from m3leo_sar.products.recipe import Recipe, parse_mask, wanted_chips
from m3leo_sar.run.catalogue import open_catalogue
from m3leo_sar.run.make_chips import make_chips
from m3leo_sar.run.update import bring_up_to_date, plan_only

WIDE = Window(rows=5, cols=9)
#: Tiles on a stack that is smaller than one.
SMALL = ["--lattice", "exact", "--minimum-coverage", "0.01"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    return write_dates(tmp_path_factory.mktemp("stack") / "stack")


def some(count: int):
    return tiles()[:count]


def test_a_run_with_another_window_is_warned_of_and_the_next_with_the_same_is_not(stack, tmp_path):
    catalogue, archive = open_catalogue(stack), ChipArchive.create(tmp_path / "chips")
    bring_up_to_date(catalogue, archive, some(2), recipe())
    told = r"holds coherence of window 3 x 8, and this run has window 5 x 9: its chips replace those of the same tiles"
    wide = replace(recipe(), window=WIDE)
    with pytest.warns(OtherSettingsWarning, match=told):
        plan_only(catalogue, archive.root, some(1), wide)
    with pytest.warns(OtherSettingsWarning, match=told):
        bring_up_to_date(catalogue, archive, some(1), wide)
    assert bring_up_to_date(catalogue, archive, some(1), wide).computed == {}
    # The other tile still has the first window, and the archive says so.
    said = " ".join(call_here("describe", archive.root, cwd=tmp_path, code=0).split())
    assert "window 3 x 8" in said
    assert "window 5 x 9" in said
    with pytest.warns(OtherSettingsWarning, match="of window 5 x 9, and this run has window 3 x 8"):
        bring_up_to_date(catalogue, archive, some(1), recipe())


def test_a_stack_in_memory_is_warned_of_too(stack, tmp_path):
    archive, held = ChipArchive.create(tmp_path / "chips"), read_stack(stack)
    make_chips(held, archive, list(some(1)), recipe())
    with pytest.warns(OtherSettingsWarning, match="another archive keeps both apart"):
        make_chips(held, archive, list(some(2))[1:], replace(recipe(), window=WIDE))
    assert len(archive_settings(archive)["coherence"]) == 2


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ((), ("shadow",), "coherence of no mask, and this run has mask shadow"),
        (("layover", "shadow"), (), "coherence of mask layover,shadow, and this run has no mask"),
    ],
)
def test_masks_are_settings(tmp_path: Path, first, second, told):
    archive = ChipArchive.create(tmp_path / "chips")
    before, after = (
        settings_of(wanted_chips(replace(recipe(), mask=mask), polarisation="VV", shape=(48, 48)))
        for mask in (first, second)
    )
    with pytest.warns(OtherSettingsWarning, match=told):
        warn_of_other_settings(archive, after, before=before)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_other_settings(archive, after, before=after)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("layover", ("layover",)),
        ("shadow, layover", ("layover", "shadow")),
        (["shadow", "layover,shadow"], ("layover", "shadow")),
        ((), ()),
    ],
)
def test_a_mask_is_a_text_or_several(given, expected):
    assert parse_mask(given) == expected
    assert Recipe(pairs=(), window=WIDE, mask=given).mask == expected


@pytest.mark.parametrize("given", ["", "water", ["layover", ""], ["layover,"]])
def test_a_word_that_is_no_mask_is_refused(given):
    with pytest.raises(ValueError, match="mask must be layover, shadow or both, layover,shadow, got '(water)?'"):
        parse_mask(given)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["prepare", "STACK", "chips", "--mask", ""], "--mask must be layover, shadow or both, layover,shadow, got ''"),
        (
            ["prepare", "STACK", "chips", "--mask", "layover", "--mask", "shadow", "--lattice", "exact"],
            "mask layover,shadow needs a stack with orbit and terrain",
        ),
        (["slc-tiles", "STACK", "tiles", "--mask", "layover"], "--mask goes with prepare, whose chips"),
        (["slc-tiles", "STACK", "tiles", "--gamma0"], "--gamma0 goes with prepare, whose chips"),
        (
            ["prepare", "STACK", "chips", "--window", "5000x5001", "--dry-run", *SMALL],
            "--window must fit in the images of 130 x 170 pixels (rows x columns), got 5000 x 5001",
        ),
        (["slc-tiles", "STACK", "tiles", "--window", "9x5001", *SMALL], "--window must fit in the images of"),
    ],
)
def test_options_are_refused_before_anything_is_written(stack, tmp_path, words, sentence):
    words = [str(stack) if word == "STACK" else word for word in words]
    assert sentence in " ".join(call_here(*words, cwd=tmp_path, code=1).split())
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("default:--window 1m")
def test_a_window_of_one_pixel_is_warned_of(stack, tmp_path):
    asked = ["prepare", stack, "chips", "--window", "1m", "--dry-run", *SMALL]
    said = " ".join(call_here(*asked, cwd=tmp_path, code=0).split())
    assert "window 1m: 1 x 1 pixels of 10.0 m x 10.0 m" in said
    assert "warning: --window 1m is a single pixel, whose coherence is 1 everywhere" in said
