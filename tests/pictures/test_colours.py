"""Colours by formula: what is equal looks equal, what is near looks near, what is not there is not shown."""

import numpy as np
import pytest

from m3leo_sar.chips.land_cover import WORLDCOVER
from m3leo_sar.chips.legend import UNKNOWN_COLOUR
from m3leo_sar.pictures.class_colours import label_image, label_legend
from m3leo_sar.pictures.colour_maps import OTHER_VALUES, SEQUENTIAL, sequential_colours
from m3leo_sar.pictures.colours import (
    amplitude_image,
    coherence_image,
    decibels,
    percentile_limits,
    phase_image,
    rgb_image,
    value_image,
)
from m3leo_sar.pictures.rgba import mask_image, overlay


def oklab(image):
    """OKLab of sRGB bytes, written from its definition (Ottosson, 2020)."""
    share = image[..., :3] / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    cones = linear @ np.array(
        [[0.4122214708, 0.2119034982, 0.0883024619], [0.5363325363, 0.6806995451, 0.2817188376],
         [0.0514459929, 0.1073969566, 0.6299787005]]
    )  # fmt: skip
    return np.cbrt(cones) @ np.array(
        [[0.2104542553, 1.9779984951, 0.0259040371], [0.7936177850, -2.4285922050, 0.7827717662],
         [-0.0040720468, 0.4505937099, -0.8086757660]]
    )  # fmt: skip


def test_amplitude_is_linear_in_decibel_between_the_percentiles(rng):
    amplitude = rng.rayleigh(0.3, (37, 53))
    amplitude[3, 5] = np.nan
    amplitude[4, 6] = 0
    kept = amplitude.copy()
    image = amplitude_image(amplitude, percentiles=(5, 90))
    power = 10 * np.log10(amplitude[np.isfinite(amplitude) & (amplitude > 0)] ** 2)
    low, high = np.percentile(power, [5, 90])
    with np.errstate(divide="ignore"):
        expected = 255 * np.clip((20 * np.log10(amplitude) - low) / (high - low), 0, 1)
    known = ~np.isnan(amplitude)
    assert np.abs(image[..., :3][known] - expected[known][:, None]).max() <= 0.5 + 1e-9
    assert (image[..., 3] == 255 * known).all()
    assert image[3, 5].tolist() == [0, 0, 0, 0]
    assert image[4, 6].tolist() == [0, 0, 0, 255]
    np.testing.assert_array_equal(amplitude, kept)
    assert image.dtype == np.uint8


def test_amplitude_by_its_root_and_complex(rng):
    amplitude = rng.rayleigh(0.3, (11, 17))
    image = amplitude_image(amplitude, stretch="sqrt", limits=(0.0, 0.8))
    assert np.abs(image[..., 1] - 255 * np.clip(np.sqrt(amplitude) / 0.8, 0, 1)).max() <= 0.5 + 1e-9
    turned = (amplitude * np.exp(1j * rng.uniform(-3, 3, amplitude.shape))).astype(np.complex64)
    assert np.abs(amplitude_image(turned).astype(int) - amplitude_image(amplitude)).max() <= 1
    assert not amplitude_image(np.full((3, 4), np.nan)).any()
    assert amplitude_image(np.full((3, 4), 2.0))[1, 2].tolist() == [128, 128, 128, 255]
    assert decibels(np.float32(10)) == pytest.approx(20)


def test_the_wheel_has_no_seam_and_steps_alike():
    turn = np.linspace(-np.pi, np.pi, 721)[None]
    image = phase_image(turn)
    np.testing.assert_array_equal(image[0, 0], image[0, -1])
    np.testing.assert_array_equal(image, phase_image(np.exp(1j * turn)))
    np.testing.assert_array_equal(phase_image(turn[:, ::60]), phase_image(turn[:, ::60] + 4 * np.pi))
    assert np.abs(np.diff(image.astype(int), axis=1)).max() <= 4
    lab = oklab(image[:, ::24])[0]
    # Steps of 36 degrees, beside which rounding to bytes is small; even steps of CIEDE2000 differ in OKLab.
    steps = np.linalg.norm(np.diff(lab[::3], axis=0), axis=1)
    assert steps.max() / steps.min() < 2.5
    # Without the axis from red to green the wheel is still open: no two phases a quarter turn apart meet.
    apart = np.linalg.norm((lab[:-1, None] - lab[None, :-1])[..., [0, 2]], axis=2)
    turns = np.abs(np.arange(30)[:, None] - np.arange(30)[None])
    assert apart[np.minimum(turns, 30 - turns) > 7].min() > 0.12


def test_brightness_darkens_a_phase_and_keeps_its_hue(rng):
    phase = rng.uniform(-np.pi, np.pi, (9, 14))
    bright = oklab(phase_image(phase))
    half = oklab(phase_image(phase, brightness=np.full(phase.shape, 0.5)))
    np.testing.assert_allclose(half, bright / 2, atol=0.012)
    assert not phase_image(phase, brightness=np.zeros(phase.shape))[..., :3].any()
    np.testing.assert_array_equal(phase_image(phase, brightness=np.full(phase.shape, 1.7)), phase_image(phase))
    hole = np.where(np.arange(14) == 3, np.nan, 1.0) * np.ones((9, 1))
    np.testing.assert_array_equal(phase_image(phase, brightness=hole)[..., 3] == 0, np.isnan(hole))
    assert not phase_image(np.array([[np.nan, np.inf]])).any()
    assert not phase_image(np.array([[0j, complex(np.nan, 1)]])).any()


def test_values_rise_evenly_in_lightness():
    ramp = np.linspace(0, 1, 101)[None]
    lightness = oklab(coherence_image(ramp))[0, :, 0]
    assert np.abs(lightness - np.linspace(lightness[0], lightness[-1], 101)).max() < 0.04
    assert lightness[-1] - lightness[0] > 0.64
    np.testing.assert_array_equal(value_image(40 * ramp - 7, limits=(-7, 33)), coherence_image(ramp))
    np.testing.assert_array_equal(coherence_image([[-0.5, 1.5]]), coherence_image([[0.0, 1.0]]))
    assert coherence_image([[np.nan, 0.5]])[0, :, 3].tolist() == [0, 255]


def test_three_bands_share_one_stretch(rng):
    bands = rng.uniform(-0.1, 1.1, (3, 7, 12))
    bands[1, 2, 3] = np.nan
    image = rgb_image(bands, limits=(0.2, 0.7))
    expected = np.moveaxis(255 * np.clip((bands - 0.2) / 0.5, 0, 1), 0, 2)
    known = ~np.isnan(bands).any(axis=0)
    assert np.abs(image[..., :3][known] - expected[known]).max() <= 0.5 + 1e-9
    np.testing.assert_array_equal(image[..., 3] == 255, known)
    grey = rgb_image(np.full((3, 2, 5), 0.4))
    assert (grey[..., :3] == 102).all()


def test_labels_have_the_legends_colours_and_unknown_codes_their_own():
    codes = np.array([[0, *WORLDCOVER.codes, 33, -4, 255]])
    image = label_image(codes)[0]
    for code, _, colour in WORLDCOVER.classes:
        assert image[codes[0] == code][0].tolist() == [*bytes.fromhex(colour[1:]), 255]
    assert not image[0].any()
    assert (image[-3:] == [0, 0, 0, 255]).all()
    assert UNKNOWN_COLOUR not in [entry.colour for entry in WORLDCOVER.classes]
    assert label_legend(codes)[-1] == ("unknown codes -4, 33, 255", "#000000")
    assert [name for name, _ in label_legend(codes)][:-1] == list(WORLDCOVER.names)
    assert label_legend(np.arange(1, 8)[None])[0][0] == "unknown codes 1, 2, 3, 4 and 3 more"
    assert label_legend(np.zeros((2, 3), int)) == []


def test_an_overlay_is_alpha_compositing(rng):
    image, over = (rng.integers(0, 256, (6, 11, 4), dtype=np.uint8) for _ in range(2))
    image[..., 3] = 255
    kept = image.copy(), over.copy()
    share = over[..., 3:] / 255 * 0.3
    mixed = overlay(image, over, opacity=0.3)
    assert np.abs(mixed[..., :3] - (share * over[..., :3] + (1 - share) * image[..., :3])).max() <= 0.5 + 1e-9
    assert (mixed[..., 3] == 255).all()
    nothing = np.zeros_like(image)
    np.testing.assert_array_equal(overlay(image, nothing), image)
    below = mask_image(np.ones((6, 11), bool), colour="#102030")
    np.testing.assert_array_equal(overlay(nothing, below, opacity=1), below)
    assert not overlay(nothing, nothing).any()
    np.testing.assert_array_equal((image, over), kept)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: amplitude_image(np.zeros(4)), ValueError, r"amplitude must be \(rows, cols\), got \(4,\)"),
        (lambda: amplitude_image([[-2.0, 1]]), ValueError, "amplitude must not be negative, got -2.0"),
        (lambda: amplitude_image([[1.0]], stretch="log"), ValueError, "stretch must be 'decibel' or 'sqrt', got 'log'"),
        (lambda: amplitude_image([[1.0]], limits=(2, 1)), ValueError, "limits must be two finite numbers, the lower"),
        (lambda: percentile_limits([1.0], percentiles=(3, 101)), ValueError, "percentiles must rise and lie within"),
        (lambda: percentile_limits([np.nan]), ValueError, "values must hold a finite value, got none among 1"),
        (lambda: phase_image(np.zeros((2, 3)), brightness=[[1]]), ValueError, r"the shape of phase, \(2, 3\), got"),
        (lambda: value_image([[1.0]], limits=(0, np.nan)), ValueError, "limits must be two finite numbers"),
        (lambda: coherence_image(np.zeros((1, 2, 3))), ValueError, r"coherence must be \(rows, cols\)"),
        (lambda: rgb_image(np.zeros((2, 3, 4))), ValueError, r"bands must be \(3, rows, cols\), got \(2, 3, 4\)"),
        (lambda: label_image([[1.0]]), TypeError, "codes must be integers, got float64"),
        (lambda: mask_image([[1]]), TypeError, "mask must be boolean, got int64"),
        (lambda: mask_image([[True]], colour="red"), ValueError, "colour must read #rrggbb, got 'red'"),
        (lambda: overlay(np.zeros((1, 2, 4)), np.zeros((1, 2, 4))), TypeError, "image must be uint8, got float64"),
        (
            lambda: overlay(np.zeros((1, 2, 4), np.uint8), np.zeros((2, 2, 4), np.uint8)),
            ValueError,
            "image and over must both be",
        ),
        (
            lambda: overlay(np.zeros((1, 2, 4), np.uint8), np.zeros((1, 2, 4), np.uint8), opacity=2),
            ValueError,
            "opacity must lie within 0 and 1, got 2",
        ),
    ],
)
def test_wrong_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


#: Linear RGB as people without one kind of cone see it (Machado, Oliveira and Fernandes, 2009, IEEE TVCG 15, table 1).
COLOUR_BLIND = {
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
}


def lightness(colours, matrix):
    """CIE L* of sRGB in [0, 1] after a matrix on linear RGB."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    luminance = np.clip(linear @ np.transpose(matrix), 0, 1) @ [0.2126, 0.7152, 0.0722]
    return 116 * np.cbrt(luminance) - 16


@pytest.mark.parametrize("colour_map", [SEQUENTIAL, OTHER_VALUES])
@pytest.mark.parametrize("eyes", ["all cones", *COLOUR_BLIND])
def test_values_keep_their_order_with_colour_blindness_and_in_grey_print(colour_map, eyes):
    matrix = COLOUR_BLIND.get(eyes, np.eye(3))
    steps = np.diff(lightness(sequential_colours(np.linspace(0, 1, 12), colour_map), matrix))
    assert (steps > 1.5).all() or (steps < -1.5).all()
