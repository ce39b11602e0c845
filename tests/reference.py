"""Oracles: slow float64 NumPy, written from the formula or the stated rule."""

import numpy as np


# --- warp: oracles in float64 NumPy, written from the stated rules -------------------------------------------------
def bilinear_reference(source, rows, cols):
    """(rows, cols) source at fractional positions, one Python loop a pixel."""
    out = np.full(rows.shape, np.nan, np.result_type(source.dtype, np.float64))
    high, wide = source.shape
    for at in np.ndindex(rows.shape):
        r, c = rows[at], cols[at]
        if not (-0.5 <= r <= high - 0.5 and -0.5 <= c <= wide - 0.5):
            continue
        r, c = min(max(r, 0), high - 1), min(max(c, 0), wide - 1)
        total, weight = 0, 0.0
        for i in range(high):
            for j in range(wide):
                w = max(0, 1 - abs(r - i)) * max(0, 1 - abs(c - j))
                if w > 0 and not np.isnan(source[i, j]):
                    total, weight = total + w * source[i, j], weight + w
        if weight >= 0.5:
            out[at] = total / weight
    return out


def inverse_cell_reference(tile_row, tile_col, tile_shape):
    """Radar position of each tile pixel: Newton in every cell in turn, the first that holds the pixel wins."""
    found = np.full((2, *tile_shape), np.nan)
    for pixel in np.ndindex(tile_shape):
        for i, j in np.ndindex(tile_row.shape[0] - 1, tile_row.shape[1] - 1):
            corners = np.stack([tile_row[i : i + 2, j : j + 2], tile_col[i : i + 2, j : j + 2]])
            t, s = _newton(corners, pixel)
            if -1e-9 <= t <= 1 + 1e-9 and -1e-9 <= s <= 1 + 1e-9:
                found[:, *pixel] = i + t, j + s
                break
    return found


def _newton(corners, pixel):
    at = np.array([0.5, 0.5])
    for _ in range(30):
        t, s = at
        value = np.einsum("kij,i,j->k", corners, [1 - t, t], [1 - s, s]) - pixel
        down = np.einsum("kij,i,j->k", corners, [-1, 1], [1 - s, s])
        along = np.einsum("kij,i,j->k", corners, [1 - t, t], [-1, 1])
        at = at - np.linalg.solve(np.stack([down, along], axis=1), value)
    return at


# --- insar ---------------------------------------------------------------------------------------------------------
def coherence_reference(a, b, window):
    """|sum a b*| / sqrt(sum |a|^2 sum |b|^2) over jointly finite samples of a window cut at the edge."""
    rows, cols = a.shape
    (top, left), (bottom, right) = window.before, window.after
    valid = np.isfinite(a) & np.isfinite(b)
    a, b = np.where(valid, a, 0).astype(np.complex128), np.where(valid, b, 0).astype(np.complex128)
    out = np.full((rows, cols), np.nan)
    for r, c in np.ndindex(rows, cols):
        part = np.s_[max(0, r - top) : r + bottom + 1, max(0, c - left) : c + right + 1]
        power_a, power_b = (np.abs(a[part]) ** 2).sum(), (np.abs(b[part]) ** 2).sum()
        if power_a > 0 and power_b > 0:
            out[r, c] = abs((a[part] * b[part].conj()).sum()) / (np.sqrt(power_a) * np.sqrt(power_b))
    return out


def looks_reference(values, valid, looks):
    """Mean of the valid values of each look, a remainder left out."""
    rows, cols = values.shape[0] // looks.rows, values.shape[1] // looks.cols
    out = np.full((rows, cols), np.nan, np.result_type(values, np.float64))
    for r, c in np.ndindex(rows, cols):
        part = np.s_[r * looks.rows : (r + 1) * looks.rows, c * looks.cols : (c + 1) * looks.cols]
        if valid[part].any():
            out[r, c] = values[part][valid[part]].mean()
    return out


# --- chips ---------------------------------------------------------------------------------------------------------
def normalise_reference(chip, bands):
    """Values and mask of a chip, band by band from the stated encodings."""
    values, masks = [], []
    for data, band in zip(chip, bands, strict=True):
        valid = np.isfinite(data.real) & np.isfinite(data.imag)
        if band.encoding == "phasor":
            valid &= data != 0
            unit = np.where(valid, data, 1) / np.abs(np.where(valid, data, 1))
            planes = [unit.real, unit.imag]
        elif band.encoding == "phase":
            angle = np.where(valid, data, 0)
            planes = [np.cos(angle), np.sin(angle)]
        else:
            if "decibel" in band.encoding:
                valid &= data > 0
            x = np.where(valid, data, 0.5).astype(np.float64)
            x = {
                "linear": lambda x: x,
                "decibel": lambda x: 10 * np.log10(x),
                "amplitude_decibel": lambda x: 20 * np.log10(x),
                "fisher": lambda x: np.arctanh(np.clip(x, -0.9999, 0.9999)),
            }[band.encoding](x)
            planes = [(np.clip(x, band.low, band.high) - band.centre) / band.scale]
        values += [np.where(valid, plane, 0) for plane in planes]
        masks += [valid] * len(planes)
    return np.stack(values), np.stack(masks)
