"""The stored type of a variable of xarray data, which a decoder may have changed."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: CF attributes of codes.
_FLAGS = ("flag_values", "flag_masks", "flag_meanings")
#: Attributes with the no-data value of a variable.
_FILLS = ("_FillValue", "missing_value", "nodata")
#: Most classes of a legend, and its largest code.
_MOST, _LARGEST = 255, 2**31 - 1


class StoredType(NamedTuple):
    """Storage of a variable, regardless of a decoder."""

    dtype: np.dtype[Any]
    #: No-data value in the pixels, stored or to be set; None if there is none.
    nodata: Any

    @property
    def is_integer(self) -> bool:
        """Whether pixels are integers, which have a no-data value in place of NaN."""
        return self.dtype.kind in "iub"


def stored_type(array: Any, nodata: float | None, quantity: str | None) -> StoredType:
    """Dtype and no-data value of an xarray variable; the user states ``nodata`` and ``quantity``."""
    is_code = quantity == "code" or is_flags(array)
    dtype = _stored_dtype(array, is_code)
    fill = nodata if nodata is not None else _fill(array)
    if dtype.kind not in "iub":
        return StoredType(dtype, fill)
    if fill is None and is_code:
        codes = set(np.ravel(array.attrs.get("flag_values", ())).tolist())
        # Bit flags may be any number, and 0 means no flag, so that only the stated value is certain.
        fill = None if not codes else 0 if 0 not in codes else np.iinfo(dtype).max
    return StoredType(dtype, None if fill is None else int(np.array(fill).astype(dtype)))


def _stored_dtype(array: Any, is_code: bool) -> np.dtype[Any]:
    """The dtype in the file: integers are decoded to floats for their fill value alone, or for a scale."""
    encoding = array.encoding
    if array.dtype.kind != "f":
        return np.dtype(array.dtype)
    if "scale_factor" in encoding or "add_offset" in encoding:
        return np.dtype(array.dtype)
    found = encoding.get("dtype", array.dtype)
    dtype = np.dtype(found) if isinstance(found, np.dtype | type | str) else np.dtype(array.dtype)
    if dtype.kind in "iu":
        return np.dtype(f"u{dtype.itemsize}") if str(encoding.get("_Unsigned")).lower() == "true" else dtype
    return np.dtype(np.int32) if is_code else np.dtype(array.dtype)


def is_flags(array: Any) -> bool:
    """Whether a variable holds codes, by its CF attributes."""
    return any(word in array.attrs for word in _FLAGS)


def flag_classes(array: Any, stored: StoredType) -> tuple[tuple[int, str], ...]:
    """Codes and names of the classes of a variable by its CF attributes, without its no-data value.

    None if the attributes do not give one name per code, or these are more or larger than a legend allows.
    """
    if not stored.is_integer:
        return ()
    codes = np.ravel(array.attrs.get("flag_values", ())).astype(stored.dtype).tolist()
    names = str(array.attrs.get("flag_meanings", "")).split()
    if len(codes) != len(names) or len(codes) > _MOST or len(set(codes)) < len(codes) or len(set(names)) < len(names):
        return ()
    if any(abs(code) > _LARGEST for code in codes):
        return ()
    return tuple((code, name) for code, name in zip(codes, names, strict=True) if code != stored.nodata)


def _fill(array: Any) -> Any:
    """No-data value of a variable, decoded or not."""
    found = [
        holder[word] for holder in (array.attrs, array.encoding) for word in _FILLS if holder.get(word) is not None
    ]
    return None if not found or np.isnan(np.ravel(found[0])[0]) else np.ravel(found[0])[0]


def valid_pixels(values: NDArray[Any], stored: StoredType, name: str) -> NDArray[Any]:
    """Pixels as stored: integers with their no-data value, floats with NaN.

    Raises
    ------
    ValueError
        If integers have missing pixels but no no-data value.
    """
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    if stored.is_integer and values.dtype.kind == "f":
        empty = np.isnan(values)
        if stored.nodata is None and empty.any():
            raise ValueError(f"{name} has pixels without data but specifies no no-data value; state nodata=")
        return np.where(empty, stored.nodata or 0, values).astype(stored.dtype)
    if values.dtype.kind in "iu":
        return values
    values = values.astype(np.result_type(values.dtype, np.float32))
    return values if stored.nodata is None else np.where(values == stored.nodata, values.dtype.type(np.nan), values)
