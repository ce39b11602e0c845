import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3leo_sar import GeoBox, Pair
from m3leo_sar.simulate.decorrelation import coherence_matrix, mixing_matrix
from m3leo_sar.simulate.landcover import LandCover
from m3leo_sar.simulate.scene import Event, simulate_scene

DATES = [datetime.date(2023, 3, 1) + datetime.timedelta(days=12 * index) for index in range(4)]
BOX = GeoBox.from_bounds((0, 0, 4100, 3300), shape=(330, 410), crs="EPSG:32631")
ALL = slice(0, 330), slice(0, 410)


@pytest.fixture(scope="module")
def scene():
    return simulate_scene(BOX, dates=DATES, event=Event(date=DATES[2], share=0.3), seed=3, patch=8.0)


@pytest.fixture(scope="module")
def pixels(scene):
    return scene.stack.window()


@pytest.mark.parametrize("pair", [(0, 1), (0, 3), (2, 3), (1, 2)])
def test_sample_coherence_and_phase_are_the_truth(scene, pixels, pair):
    first, second = pixels[pair[0]], pixels[pair[1]]
    dates = Pair(DATES[pair[0]], DATES[pair[1]])
    truth = scene.true_coherence(dates, *ALL)
    flat = first * second.conj() * np.exp(-1j * scene.true_phase(dates, *ALL))
    for value in np.unique(truth):
        here = truth == value
        if here.sum() < 500:
            continue
        powers = (np.abs(first[here]) ** 2).sum() * (np.abs(second[here]) ** 2).sum()
        got = flat[here].sum() / np.sqrt(powers)
        # Standard error of the complex sample coherence of many looks.
        error = np.sqrt((1 - value**2) / here.sum())
        assert abs(got - value) < 4 * error + 1e-4, (value, got, error)


def test_intensity_is_exponential_with_the_classes_mean(scene, pixels):
    codes = scene.labels()["landcover"][0]
    for cover in scene.classes:
        power = np.abs(pixels[0][codes == cover.code]) ** 2 / 10 ** (cover.backscatter / 10)
        assert power.mean() == pytest.approx(1, abs=4 / np.sqrt(power.size))
        assert np.mean(power > 1) == pytest.approx(np.exp(-1), abs=2 / np.sqrt(power.size))


def test_the_event_lowers_coherence_across_it_and_changes_backscatter(scene, pixels):
    hit = scene.labels()["event"][0] > 0
    assert 0.1 < hit.mean() < 0.5
    across, before = (scene.true_coherence(Pair(DATES[a], DATES[b]), *ALL) for a, b in ((1, 2), (0, 1)))
    np.testing.assert_allclose(across[hit], 0.15 * before[hit])
    np.testing.assert_allclose(across[~hit], before[~hit])
    change = np.mean(np.abs(pixels[2][hit]) ** 2) / np.mean(np.abs(pixels[0][hit]) ** 2)
    assert 10 * np.log10(change) == pytest.approx(1, abs=0.2)


@given(top=st.integers(0, 300), left=st.integers(0, 380), high=st.integers(1, 60), wide=st.integers(1, 60))
def test_a_window_is_the_crop_of_the_whole(scene, pixels, top, left, high, wide):
    rows, cols = slice(top, min(330, top + high)), slice(left, min(410, left + wide))
    np.testing.assert_array_equal(scene.stack.window(rows, cols), pixels[:, rows, cols])


def test_seeds_decide(scene, pixels):
    part = slice(0, 9), slice(0, 11)
    same, other = (simulate_scene(BOX, dates=DATES, event=scene.event, seed=seed, patch=8.0) for seed in (3, 4))
    np.testing.assert_array_equal(same.stack.window(*part), pixels[:, *part])
    assert not np.array_equal(other.stack.window(*part), pixels[:, *part])


@given(rho_inf=st.floats(0, 1), tau=st.floats(0.1, 1000), kept=st.floats(0, 1), event=st.integers(1, 3))
def test_matrices_are_coherences(rho_inf, tau, kept, event):
    matrix = coherence_matrix(DATES, rho_inf=rho_inf, tau=tau, event=DATES[event], kept=kept)
    np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_allclose(np.diag(matrix), 1)
    assert np.linalg.eigvalsh(matrix).min() > -1e-12
    factor = mixing_matrix(matrix)
    np.testing.assert_allclose(factor @ factor.T, matrix, atol=1e-7)


def test_bad_scenes_are_named():
    with pytest.raises(ValueError, match="event must fall between two dates of 2023-03-01 to 2023-04-06, got 2022"):
        simulate_scene(BOX, dates=DATES, event=Event(date=datetime.date(2022, 1, 1)))
    with pytest.raises(ValueError, match="dates must hold at least one date"):
        simulate_scene(BOX, dates=[]).stack  # noqa: B018
    for wrong, message in (({"code": 0}, "code"), ({"rho_inf": 2}, "rho_inf"), ({"tau": 0}, "tau")):
        with pytest.raises(ValueError, match=f"{message} must"):
            LandCover(**{"name": "x", "code": 1, "backscatter": 0, "rho_inf": 0.5, "tau": 3, **wrong})
