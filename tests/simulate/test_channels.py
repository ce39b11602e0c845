"""Classes whose phase steps, the cross-polarised channel, and an optical image of the same ground."""

import datetime

import numpy as np
import pytest

from m3leo_sar import GeoBox, Pair
from m3leo_sar.simulate.landcover import LandCover
from m3leo_sar.simulate.optical import optical_image
from m3leo_sar.simulate.scene import Event, simulate_scene

DATES = [datetime.date(2023, 3, 1) + datetime.timedelta(days=12 * index) for index in range(3)]
BOX = GeoBox.from_bounds((0, 0, 3100, 2700), shape=(270, 310), crs="EPSG:32631")
ALL = slice(0, 270), slice(0, 310)


def cover(code, **options):
    return LandCover(name=str(code), code=code, backscatter=-10, rho_inf=0.6, tau=0.01, **options)


def coherence_of(first, second):
    return (first * second.conj()).sum() / np.sqrt((np.abs(first) ** 2).sum() * (np.abs(second) ** 2).sum())


def test_a_step_of_phase_shows_in_every_interferogram():
    scene = simulate_scene(BOX, dates=DATES, classes=(cover(10), cover(50, phase_step=1.2)), patch=8.0, seed=4)
    plain = simulate_scene(BOX, dates=DATES, classes=(cover(10), cover(50)), patch=8.0, seed=4)
    pixels, codes = scene.stack.window(), scene.labels()["landcover"][0]
    for first, second in ((0, 1), (1, 2), (0, 2)):
        pair = Pair(DATES[first], DATES[second])
        step = scene.true_phase(pair, *ALL) - plain.true_phase(pair, *ALL)
        np.testing.assert_allclose(step, np.where(codes == 50, 1.2 * (second - first), 0), atol=1e-9)
        flat = np.exp(-1j * plain.true_phase(pair, *ALL))
        here = codes == 50
        got = np.angle(coherence_of((pixels[first] * flat)[here], pixels[second][here]))
        assert np.angle(np.exp(1j * (got - 1.2 * (second - first)))) == pytest.approx(0, abs=0.03)


def test_channels_go_together_as_their_classes_say():
    classes = (cover(10, cross=-6.0, cross_coherence=0.9), cover(50, cross=-9.0))
    options = {"dates": DATES, "classes": classes, "patch": 8.0, "seed": 4, "relief": 0.0, "sinking": 0.0}
    both = [simulate_scene(BOX, polarisation=word, **options) for word in ("VV", "VH")]
    assert [scene.stack.polarisation for scene in both] == ["VV", "VH"]
    (vv, vh), codes = (scene.stack.window() for scene in both), both[0].labels()["landcover"][0]
    for item, wanted in zip(classes, (0.9, 0.0), strict=True):
        here = codes == item.code
        assert abs(coherence_of(vv[1][here], vh[1][here])) == pytest.approx(wanted, abs=0.02)
        ratio = 10 * np.log10(np.mean(np.abs(vh[0][here]) ** 2) / np.mean(np.abs(vv[0][here]) ** 2))
        assert ratio == pytest.approx(item.cross, abs=0.15)
        # Between dates the channel has the coherence of its class too.
        assert abs(coherence_of(vh[0][here], vh[2][here])) == pytest.approx(0.6, abs=0.03)


def test_a_window_of_the_cross_channel_is_the_crop_of_the_whole():
    scene = simulate_scene(BOX, dates=DATES, classes=(cover(10, cross_coherence=0.4),), seed=4, polarisation="VH")
    part = slice(101, 139), slice(240, 310)
    np.testing.assert_array_equal(scene.stack.window(*part), scene.stack.window()[:, *part])
    assert scene.stack.window().dtype == np.complex64


def test_scenes_without_any_of_this_keep_their_pixels():
    """Stacks on users' disks are continued date by date, which only works where the dates before stay the same."""
    scene = simulate_scene(BOX, dates=DATES, event=Event(date=DATES[1], share=0.3), seed=3, patch=8.0)
    known = np.array(
        [
            [0.285377 + 0.033010j, 0.140197 + 0.198084j, -0.085922 + 0.047522j],
            [0.026724 + 0.100765j, -0.110412 - 0.347580j, 0.130304 + 0.213851j],
            [-0.269636 - 0.359834j, -0.096399 + 0.383180j, -0.219988 + 0.104810j],
            [0.192610 - 0.443882j, 0.381833 + 0.184137j, 0.051483 + 0.202746j],
            [0.021576 + 0.169150j, -0.007406 + 0.284451j, -0.032254 + 0.320738j],
            [-0.366042 + 0.088019j, 0.272484 - 0.145594j, 0.109421 + 0.220252j],
        ]
    )
    pixels = scene.stack.window()[1:, 7::130, 11::149]
    np.testing.assert_allclose(pixels, known.reshape(pixels.shape), atol=2e-5)


def test_an_optical_image_has_the_classes_reflectance():
    scene = simulate_scene(BOX, dates=DATES, classes=(cover(10), cover(50)), patch=8.0, seed=4)
    image, codes = optical_image(scene, {10: 0.1, 50: 0.4}, noise=0.05), scene.labels()["landcover"][0]
    assert (image.dtype, image.shape) == (np.float32, BOX.shape)
    for code, mean in ((10, 0.1), (50, 0.4)):
        assert image[codes == code].mean() == pytest.approx(mean, abs=0.002)
        assert image[codes == code].std() == pytest.approx(0.05, rel=0.03)
    np.testing.assert_array_equal(image, optical_image(scene, {10: 0.1, 50: 0.4}, noise=0.05))


def test_what_cannot_be_is_named():
    scene = simulate_scene(BOX, dates=DATES, classes=(cover(10), cover(50)))
    with pytest.raises(ValueError, match="reflectance must have the code of every class, it lacks 50"):
        optical_image(scene, {10: 0.1})
    with pytest.raises(ValueError, match="noise must be at least 0, got -1"):
        optical_image(scene, {10: 0.1, 50: 0.2}, noise=-1)
    with pytest.raises(ValueError, match="polarisation must be one of VV, VH, got 'HH'"):
        simulate_scene(BOX, dates=DATES, polarisation="HH")
    with pytest.raises(ValueError, match=r"cross_coherence must lie in \[0, 1\], got 1.5"):
        cover(10, cross_coherence=1.5)
