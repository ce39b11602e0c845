"""A prediction beside its errors, with the score."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.chips.legend import Legend
from m3leo_sar.pictures.array_pictures import class_picture, difference_picture, frame_of, value_picture
from m3leo_sar.pictures.chip_plane import Plane
from m3leo_sar.pictures.colour_key import Bar, Classes
from m3leo_sar.pictures.panel_grid import Picture
from m3leo_sar.pictures.rgba import mask_image, overlay

#: Colours of errors, unlike those of usual classes.
WRONG, RIGHT = "#2b2b2b", "#e6e6e6"


def prediction_pictures(
    predicted: NDArray[Any],
    label: Plane | None,
    *,
    title: str,
    legend: Legend,
    score: str = "",
    limits: tuple[float, float] | None = None,
    ground: Any = None,
) -> list[Picture]:
    """Draw a prediction, and where the label is known the map of its errors.

    Parameters
    ----------
    predicted : (rows, cols) integer or float
        Codes of ``legend``, or values in the unit of the label.
    label : Plane, optional
        The truth on the same pixels; without it only the prediction is drawn.
    title : str
        Of the prediction; the map of errors names it too.
    legend : Legend
        Of predicted codes.
    score : str
        A score on many tiles, such as ``"test mIoU 0.87"``; that of this tile follows.
    limits : (float, float), optional
        Of predicted values, so that they compare with the label.
    ground : GeoBox or Frame, optional
        The ground below the images.

    Returns
    -------
    list of Picture
        The prediction, and the errors if there is a label of the same shape.
    """
    frame = frame_of(ground)
    is_class = predicted.dtype.kind in "iu"
    name = f"Errors {title.removeprefix('Prediction').strip()}".strip()
    if label is None or label.values.shape != predicted.shape or is_class != (label.kind == "classes"):
        return [_prediction(predicted, legend, title, score, limits, label, frame)]
    if is_class:
        errors, own = _class_errors(predicted, label, legend, name, frame)
    else:
        errors, own = _value_errors(predicted, label, name, frame)
    found = _prediction(predicted, legend, title, ", ".join(filter(None, (score, own))), limits, label, frame)
    return [found, errors]


def _prediction(
    predicted: NDArray[Any], legend: Legend, title: str, subtitle: str, limits: Any, label: Plane | None, frame: Any
) -> Picture:
    if predicted.dtype.kind in "iu":
        return class_picture(predicted, legend=legend, title=title, subtitle=subtitle, ground=frame)
    unit = label.label if label is not None else "predicted value"
    return value_picture(predicted, title=title, label=unit, limits=limits, subtitle=subtitle, ground=frame)


def _class_errors(predicted: NDArray[Any], label: Plane, legend: Legend, title: str, frame: Any) -> tuple[Picture, str]:
    compared = label.known & (predicted != legend.nodata)
    wrong = compared & (predicted != label.values)
    share = wrong.sum() / compared.sum() if compared.any() else np.nan
    image = overlay(mask_image(compared & ~wrong, colour=RIGHT), mask_image(wrong, colour=WRONG), opacity=1)
    key = Classes([("wrong", WRONG), ("right", RIGHT)], "classes")
    text = "no pixel can be compared" if np.isnan(share) else f"{share:.1%} of pixels wrong"
    right = "" if np.isnan(share) else f"{1 - share:.0%} right here"
    return Picture(title, image, key, text, frame, is_smooth=False), right


def _value_errors(predicted: NDArray[Any], label: Plane, title: str, frame: Any) -> tuple[Picture, str]:
    difference = predicted - label.values
    known = np.isfinite(difference)
    if not known.any():
        return difference_picture(difference, title=title, label="difference", limit=1.0, ground=frame), ""
    rmse, bias = float(np.sqrt(np.mean(difference[known] ** 2))), float(np.mean(difference[known]))
    text = f"bias {bias:+.3g}".replace("-", "−")
    picture = difference_picture(
        difference, title=title, label=f"predicted − label: {label.label}", subtitle=text, ground=frame
    )
    assert isinstance(picture.key, Bar)
    return picture, f"RMSE {rmse:.3g} here"
