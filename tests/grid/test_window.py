import numpy as np
import pytest

from m3leo_sar import Window


def test_weights_are_kept_and_count_as_samples():
    window = Window(rows=2, cols=3, row_weights=[1, 3], col_weights=np.ones(3))
    assert window.row_weights == (1.0, 3.0)
    assert window.samples == pytest.approx(16 / 10 * 3)
    assert Window(rows=5, cols=20).samples == 100
    assert hash(window) == hash(Window(rows=2, cols=3, row_weights=(1, 3), col_weights=(1, 1, 1)))


def test_a_gaussian_is_centred_where_the_window_is():
    window = Window.gaussian(rows=5, cols=8, sigma=(1.0, 2.5))
    assert window.row_weights[2] == window.col_weights[4] == 1.0
    assert window.row_weights[1] == pytest.approx(np.exp(-0.5))
    assert window.col_weights[0] == pytest.approx(np.exp(-0.5 * (4 / 2.5) ** 2))
    assert Window.gaussian(rows=1, cols=9).row_weights == (1.0,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"row_weights": (1, 2)}, "Window row_weights must hold 3 weights, one per sample, got 2"),
        ({"col_weights": (1, -1)}, "Window col_weights must be finite, at least 0 and not all 0"),
        ({"col_weights": (0, 0)}, "not all 0"),
        ({"col_weights": (1, float("nan"))}, "must be finite"),
    ],
)
def test_bad_weights_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Window(rows=3, cols=2, **options)


@pytest.mark.parametrize("sigma", [(1.0,), (0.0, 1.0), (1.0, float("inf"))])
def test_a_bad_sigma_is_refused(sigma):
    with pytest.raises(ValueError, match="sigma must be two finite numbers above 0"):
        Window.gaussian(rows=3, cols=5, sigma=sigma)
