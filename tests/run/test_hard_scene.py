"""From products to tiles in a hard case: antimeridian, midnight, two satellites and their clocks, geoid, zips."""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np
from seam_pair import FIRST, seam_scene

from m3leo_sar import Pair, Window, coregister_products, open_stack
from m3leo_sar.app.scene_files import write_safe_scene
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.stacks.burst_stack import BurstStack
from m3leo_sar.products.recipe import Recipe
from m3leo_sar.run.catalogue import open_catalogue
from m3leo_sar.run.choices import choose_tiles
from m3leo_sar.run.make_chips import make_chips
from m3leo_sar.simulate.sentinel1_pass import PassOptions

#: Seconds by which the clocks of S1C and S1D differ, in lines.
CLOCK = 0.0267
LATER = FIRST + datetime.timedelta(days=6)


def hard_scene():
    plain = seam_scene(lines=150, columns=300, longitude=180.0, latitude=-16.0, ascending=True, relief=20.0)
    # Midnight falls between the two bursts.
    since = plain.sentinel1_pass(0).burst("IW1", 1).azimuth_time - plain.node_clock
    passes = (
        PassOptions(date=FIRST, mission="S1C", processor="003.91"),
        PassOptions(date=LATER, mission="S1D", azimuth_shift=CLOCK, range_start=-30.19, burst_lines=1.4, baseline=60.0),
    )
    return replace(plain, node_clock=86_400 - since - 1.0, passes=passes)


def test_a_coherence_of_one_stays_so_on_tiles_over_seams_and_phases_stay_flat(tmp_path):
    scene = hard_scene()
    files = write_safe_scene(scene, tmp_path, zipped=True, geoid=True)
    stacks = tmp_path / "stacks"
    options = {"orbits": files.orbits, "dem": files.terrain, "geoid": files.geoid, "workers": 1}
    done = coregister_products(files.products, stacks, reference=str(FIRST), **options)
    assert (done.summary.computed, done.summary.failed) == ({"VV": 4}, {})
    for path in sorted(stacks.glob("T052-*")):
        stack = open_stack(path)
        assert stack.dates == (FIRST, LATER)
        first, second = stack.window()
        known = np.isfinite(first) & np.isfinite(second)
        product = (first * second.conj())[known]
        # 60 m of baseline take 0.002 of it, as they do of any interferogram that is not filtered.
        assert abs(product.sum()) > 0.995 * np.linalg.norm(first[known]) * np.linalg.norm(second[known])
        assert abs(np.angle(product.sum())) < 0.004
        assert abs(BurstStack(path).dates()[LATER]["azimuth_shift"] - CLOCK) < 2e-4
    together = open_catalogue(stacks).stack
    archive = ChipArchive.create(tmp_path / "chips", grid="exact")
    wanted = Recipe(pairs=[Pair(FIRST, LATER)], window=Window(rows=5, cols=20), interferograms=True, intensities=False,
                    minimum_coverage=0.05)  # fmt: skip
    tiles = list(choose_tiles(together, lattice="exact"))
    make_chips(together, archive, tiles, wanted)
    alone = [ChipArchive.create(tmp_path / f"chips{index}", grid="exact") for index in range(len(together.bursts))]
    for burst, one in zip(together.bursts, alone, strict=True):
        make_chips(burst, one, tiles, replace(wanted, minimum_coverage=0.0, interferograms=False))
    # Tiles of the zones on both sides of the antimeridian see the same ground.
    assert {identifier[:2] for identifier in archive.identifiers} == {"01", "60"}
    key = f"VV/{FIRST:%Y%m%d}_{LATER:%Y%m%d}"
    for identifier in archive.identifiers:
        coherence = archive.read(identifier, "coherence", key).array
        assert np.nanmin(coherence) > 0.98
        phase = np.angle(archive.read(identifier, "interferogram", key).array)
        assert np.nanpercentile(np.abs(phase), 99) < 0.15
        assert abs(np.nanmean(phase)) < 0.01
        # A pixel that any burst has is there, but for the outermost of the swath: the edges of a date differ from
        # burst to burst by a fraction of a column, which the rule, the same for all dates, does not know.
        held = [np.isfinite(one.read(identifier, "coherence", key).array) for one in alone
                if identifier in one.identifiers]  # fmt: skip
        some = np.any(held, axis=0)
        lost = some & ~np.isfinite(coherence)
        assert lost.sum() < 1e-3 * some.sum()
        assert not (lost[1:-1, 1:-1] & surrounded(some)).any()


def surrounded(mask):
    """Pixels whose eight neighbours are in a mask too."""
    rows, cols = mask.shape
    return np.all(
        [mask[down : rows - 2 + down, across : cols - 2 + across] for down in range(3) for across in range(3)], axis=0
    )
