"""Oracles: slow float64 NumPy, written from the formula or the stated rule."""

import copy
import functools
import hashlib
import pickle

import mpmath
import numpy as np


def remembered(oracle):
    """An oracle that is asked once for the same arguments, which the tests of every backend have."""
    known = {}

    @functools.wraps(oracle)
    def ask(*arguments, **options):
        key = hashlib.sha256(pickle.dumps((arguments, options))).digest()
        if key not in known:
            known[key] = oracle(*arguments, **options)
        return copy.deepcopy(known[key])

    return ask


# --- warp: oracles in float64 NumPy, written from the stated rules -------------------------------------------------
@remembered
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
                if w > 0 and np.isfinite(source[i, j]):
                    total, weight = total + w * source[i, j], weight + w
        if weight >= 0.5:
            out[at] = total / weight
    return out


def _kernel_weight(name, x):
    x = abs(x)
    if name == "bilinear":
        return max(0.0, 1 - x)
    if name == "cubic":
        a = -0.5
        near = (a + 2) * x**3 - (a + 3) * x**2 + 1
        return near if x < 1 else a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0
    if name == "cubic_spline":
        return (4 - 6 * x**2 + 3 * x**3) / 6 if x < 1 else (2 - x) ** 3 / 6 if x < 2 else 0.0
    return float(np.sinc(x) * np.sinc(x / 3)) if x < 3 else 0.0


@functools.cache
def _axis_weights(name, position, scale, size):
    """Weight of each place; a stretched kernel is cut at the raster and made to keep a slope."""
    reach = int(4 * scale) + 1
    places = np.arange(max(-8, int(position) - reach), min(size + 8, int(position) + reach + 1))
    weights = np.array([_kernel_weight(name, (place - position) / scale) for place in places])
    if scale > 1:
        on = (places >= 0) & (places < size) & (weights != 0)
        weights[~on] = 0
        # a w + b |w| d whose sum is one and whose mean place is the position.
        w, d = weights[on], places[on] - position
        moments = np.array([[w.sum(), abs(w) @ d], [w @ d, abs(w) @ d**2]])
        a, b = np.linalg.solve(moments, [1.0, 0.0])
        weights[on] = a * w + b * abs(w) * d
    return places, weights


@remembered
def kernel_reference(source, rows, cols, name, scale):
    """(rows, cols) source under a kernel, every pixel in turn; what is not finite or off the raster left out."""
    out = np.full(rows.shape, np.nan, np.result_type(source.dtype, np.float64))
    high, wide = source.shape
    for at in np.ndindex(rows.shape):
        r, c = rows[at], cols[at]
        if not (-0.5 <= r <= high - 0.5 and -0.5 <= c <= wide - 0.5):
            continue
        down = _axis_weights(name, min(max(r, 0), high - 1), scale[0], high)
        along = _axis_weights(name, min(max(c, 0), wide - 1), scale[1], wide)
        weights = np.multiply.outer(np.asarray(down[1], float), np.asarray(along[1], float))
        i, j = np.meshgrid(down[0], along[0], indexing="ij")
        counts = (weights != 0) & (i >= 0) & (i < high) & (j >= 0) & (j < wide)
        values = source[np.clip(i, 0, high - 1), np.clip(j, 0, wide - 1)]
        counts &= np.isfinite(values)
        used, every = weights[counts], np.abs(weights).sum()
        total, valid, found = used @ values[counts], used.sum(), np.abs(used).sum()
        if found >= 0.5 * every and valid > 0:
            out[at] = total / valid
    return out


@remembered
def inverse_cell_reference(tile_row, tile_col, tile_shape):
    """Radar position of each tile pixel: Newton in every cell in turn, the first that holds the pixel wins."""
    found = np.full((2, *tile_shape), np.nan)
    corners = np.stack([tile_row, tile_col])
    for pixel in np.ndindex(tile_shape):
        t, s = _newton(corners, pixel)
        holds = (t >= -1e-9) & (t <= 1 + 1e-9) & (s >= -1e-9) & (s <= 1 + 1e-9)
        if holds.any():
            i, j = np.argwhere(holds)[0]
            found[:, *pixel] = i + t[i, j], j + s[i, j]
    return found


def _newton(corners, pixel):
    """Place (t, s) of a pixel inside the bilinear patch of each cell, Newton's method in all cells side by side."""
    a, b, c, d = corners[:, :-1, :-1], corners[:, :-1, 1:], corners[:, 1:, :-1], corners[:, 1:, 1:]
    t, s = np.full((2, *a.shape[1:]), 0.5)
    with np.errstate(all="ignore"):
        for _ in range(30):
            value = (1 - t) * ((1 - s) * a + s * b) + t * ((1 - s) * c + s * d) - np.reshape(pixel, (2, 1, 1))
            down, along = (1 - s) * (c - a) + s * (d - b), (1 - t) * (b - a) + t * (d - c)
            determinant = down[0] * along[1] - down[1] * along[0]
            t = t - (value[0] * along[1] - value[1] * along[0]) / determinant
            s = s - (down[0] * value[1] - down[1] * value[0]) / determinant
    return t, s


# --- grid ----------------------------------------------------------------------------------------------------------
def legacy_split_reference(boxes, angle, bands, pattern):
    """Split of every tile by the rule of M3LEO's published split, one tile at a time in plain floats."""
    # The mean of a ring of five points whose lower left corner is its first and its last.
    points = [((3 * box[0] + 2 * box[2]) / 5, (3 * box[1] + 2 * box[3]) / 5) for box in boxes]
    lows = [min(point[axis] for point in points) for axis in (0, 1)]
    spreads = [max(point[axis] for point in points) - lows[axis] or 1.0 for axis in (0, 1)]
    eighth = np.pi / 4
    along_lon, along_lat = abs(angle) / eighth, 1.0
    if abs(angle) >= eighth:
        along_lon, along_lat = (1.0 if angle > 0 else -1.0), (np.pi / 2 - abs(angle)) / eighth
    places = []
    for point in points:
        lon, lat = ((point[axis] - lows[axis]) / spreads[axis] for axis in (0, 1))
        if angle < 0:
            lon, lat = 1 - lon, 1 - lat
        places.append(along_lon * lon + along_lat * lat)
    for step in range(10_000):
        width = (0.1 + step * 49.9 / 9_999) / bands
        numbers = [int(place / width) for place in places]
        if len(set(numbers)) == bands:
            return [pattern[(number - min(numbers)) % len(pattern)] for number in numbers]
    return None


#: Mean of the sample coherence (Touzi et al., 1999) by looks, at a true coherence of 0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9;
#: computed independently as a log-scaled hypergeometric series and checked by 200 000 draws.
TOUZI = {
    4: (0.45714, 0.46323, 0.48139, 0.51134, 0.60454, 0.73751, 0.90447),
    9: (0.29954, 0.31080, 0.34357, 0.39504, 0.53851, 0.71251, 0.90139),
    25: (0.17813, 0.19852, 0.25376, 0.33101, 0.51202, 0.70396, 0.90043),
    100: (0.08873, 0.12786, 0.21210, 0.30707, 0.50286, 0.70094, 0.90010),
}


def touzi_moment_reference(true, looks, order):
    """Mean of the sample coherence to a power by Touzi's equation (11), a generalised hypergeometric sum."""
    with mpmath.workdps(30):
        rho2, half = mpmath.mpf(true) ** 2, mpmath.mpf(order) / 2
        gammas = mpmath.gamma(looks) * mpmath.gamma(1 + half) / mpmath.gamma(looks + half)
        return float(gammas * mpmath.hyp3f2(1 + half, looks, looks, looks + half, 1, rho2) * (1 - rho2) ** looks)


# --- insar ---------------------------------------------------------------------------------------------------------
def coherence_reference(a, b, window, **options):
    """|sum a b*| / sqrt(sum |a|^2 sum |b|^2) over jointly finite samples of a window cut at the edge."""
    return coherence_maps_reference(a, b, window, **options)["coherence"]


def window_sums_reference(plane, window, power=1):
    """Sum of a plane times a window's weights (to a power) at every pixel; beyond the image there is nothing."""
    axes = ((window.rows, window.row_weights), (window.cols, window.col_weights))
    for axis, (before, after, (size, weights)) in enumerate(zip(window.before, window.after, axes, strict=True)):
        padded = np.pad(plane, [(before, after) if number == axis else (0, 0) for number in range(2)])
        shifts = np.lib.stride_tricks.sliding_window_view(padded, size, axis=axis)
        plane = shifts @ np.power(weights or np.ones(size), power)
    return plane


def coherence_maps_reference(a, b, window, *, phase=None, min_valid=0.5, fill_gaps=False):
    """All that a window tells, by direct weighted sums."""
    phase = np.zeros(a.shape) if phase is None else phase
    valid = np.isfinite(a) & np.isfinite(b) & np.isfinite(phase)
    turn = np.exp(-1j * np.where(valid, phase, 0))
    a, b = np.where(valid, a, 0).astype(np.complex128), np.where(valid, b, 0).astype(np.complex128)
    count, whole = (window_sums_reference(plane.astype(float), window) for plane in (valid, np.ones(a.shape)))
    squares = window_sums_reference(valid.astype(float), window, 2)
    power_a, power_b = (window_sums_reference(np.abs(image) ** 2, window) for image in (a, b))
    product = window_sums_reference(turn * a * b.conj(), window)
    enough = (count > 0) & (count >= min_valid * whole * (1 - 1e-5)) & (valid | fill_gaps)
    with np.errstate(all="ignore"):
        value = product / (np.sqrt(power_a) * np.sqrt(power_b))
        out = {
            "coherence": np.where(enough & (power_a > 0) & (power_b > 0), abs(value), np.nan),
            "looks": np.where(count > 0, count**2 / squares, 0),
            "power_reference": np.where(enough, power_a / count, np.nan),
            "power_secondary": np.where(enough, power_b / count, np.nan),
        }
    return out | {"phase": np.where(np.isnan(out["coherence"]), np.nan, np.angle(value))}


def fringe_coherence_reference(a, b, window, *, min_valid=0.5, fill_gaps=False):
    """Coherence and frequencies (rows, cols) after undoing the fringe that the window's own neighbours tell."""
    maps = fringe_maps_reference(a, b, window, min_valid=min_valid, fill_gaps=fill_gaps)
    return np.stack([abs(maps["complex"]), *maps["frequency"]])


@remembered
def fringe_maps_reference(a, b, window, *, min_valid=0.5, fill_gaps=False):
    """All that a window tells along its fringe; the complex value sums x exp(-j (f_r (r - r0) + f_c (c - c0)))."""
    rows, cols = a.shape
    (top, left), (bottom, right) = window.before, window.after
    valid = np.isfinite(a) & np.isfinite(b)
    a, b = np.where(valid, a, 0).astype(np.complex128), np.where(valid, b, 0).astype(np.complex128)
    names = ("looks", "power_reference", "power_secondary")
    out = {"complex": np.full((rows, cols), np.nan + 0j), "frequency": np.full((2, rows, cols), np.nan)}
    out |= {name: np.full((rows, cols), np.nan) for name in names}
    for r, c in np.ndindex(rows, cols):
        part = np.s_[max(0, r - top) : r + bottom + 1, max(0, c - left) : c + right + 1]
        x, powers = a[part] * b[part].conj(), ((np.abs(a[part]) ** 2).sum(), (np.abs(b[part]) ** 2).sum())
        count = out["looks"][r, c] = valid[part].sum()
        if count == 0 or valid[part].mean() < min_valid or not (fill_gaps or valid[r, c]):
            continue
        out["power_reference"][r, c], out["power_secondary"][r, c] = np.array(powers) / count
        if min(powers) == 0:
            continue
        down, along = (x[1:] * x[:-1].conj()).sum(), (x[:, 1:] * x[:, :-1].conj()).sum()
        frequency = np.angle(down), np.angle(along)
        i, j = np.indices(x.shape)
        inner = max(0, top - r), max(0, left - c)
        places = [
            index + first - (size - 1) / 2
            for index, first, size in zip((i, j), inner, (window.rows, window.cols), strict=True)
        ]
        for _ in range(2):
            y = x * np.exp(-1j * (frequency[0] * i + frequency[1] * j))
            slopes = [
                np.clip(((place * y).sum() / y.sum()).imag * 12 / max(size**2 - 1, 1), -0.5, 0.5)
                for place, size in zip(places, (window.rows, window.cols), strict=True)
            ]
            # The kernel's turn by a slope: twice the angle whose tangent is half of it.
            frequency = tuple(np.asarray(frequency) + 2 * np.arctan(np.asarray(slopes) / 2))
        # From the pixel itself, so that the phase is that of the fringe in it.
        down, along = i - r + part[0].start, j - c + part[1].start
        turned = (x * np.exp(-1j * (frequency[0] * down + frequency[1] * along))).sum()
        if abs(x.sum()) >= abs(turned):
            turned, frequency = x.sum(), (0.0, 0.0)
        out["frequency"][:, r, c] = np.angle(np.exp(1j * np.asarray(frequency)))
        out["complex"][r, c] = turned / np.sqrt(powers[0] * powers[1])
    return out


def homogeneous_reference(amplitude, window, alike):
    """Boolean (rows, cols, window rows, window cols): which neighbours a test of two date series takes for alike."""
    _, rows, cols = amplitude.shape
    mask = np.zeros((rows, cols, window.rows, window.cols), bool)
    for r, c, i, j in np.ndindex(mask.shape):
        y, x = r - window.before[0] + i, c - window.before[1] + j
        if 0 <= y < rows and 0 <= x < cols and np.isfinite(amplitude[:, r, c]).all():
            same = (y, x) == (r, c)
            mask[r, c, i, j] = same or (
                np.isfinite(amplitude[:, y, x]).all() and alike(amplitude[:, r, c], amplitude[:, y, x])
            )
    return mask


@remembered
def homogeneous_maps_reference(a, b, bits, window, *, min_valid=0.5, min_neighbours=4):
    """All that the neighbours set in (rows, cols, window rows, window cols) tell of a pair, pixel by pixel."""
    names = ("complex", "looks", "power_reference", "power_secondary")
    out = {name: np.full(a.shape, np.nan, complex if name == "complex" else float) for name in names}
    valid = np.isfinite(a) & np.isfinite(b)
    for r, c in np.ndindex(a.shape):
        places = np.argwhere(bits[r, c]) + np.array([r, c]) - np.array(window.before)
        places = [tuple(at) for at in places if 0 <= at[0] < a.shape[0] and 0 <= at[1] < a.shape[1]]
        used = [at for at in places if valid[at]]
        out["looks"][r, c] = len(used)
        if not valid[r, c] or len(used) < max(min_neighbours, min_valid * len(places)):
            continue
        x, y = (np.array([image[at] for at in used], np.complex128) for image in (a, b))
        powers = (abs(x) ** 2).sum(), (abs(y) ** 2).sum()
        out["power_reference"][r, c], out["power_secondary"][r, c] = np.array(powers) / len(used)
        out["complex"][r, c] = (x * y.conj()).sum() / np.sqrt(powers[0] * powers[1])
    return out


def looks_reference(values, valid, looks, min_valid=0.5):
    """Mean of the valid values of each look where a share of them is, a remainder left out."""
    rows, cols = values.shape[0] // looks.rows, values.shape[1] // looks.cols
    out = np.full((rows, cols), np.nan, np.result_type(values, np.float64))
    for r, c in np.ndindex(rows, cols):
        part = np.s_[r * looks.rows : (r + 1) * looks.rows, c * looks.cols : (c + 1) * looks.cols]
        if valid[part].any() and valid[part].mean() >= min_valid:
            out[r, c] = values[part][valid[part]].mean()
    return out


# --- chips ---------------------------------------------------------------------------------------------------------
def normalise_reference(planes, bands):
    """Values and mask of a chip, band by band from the stated encodings; each takes the next one or two planes."""
    values, masks, left = [], [], list(planes)
    for band in bands:
        data = decoded_reference(left.pop(0), band)
        other = None
        if band.encoding in ("ratio", "log_ratio", "difference", "weighted_phasor"):
            other = decoded_reference(left.pop(0), band)
        if band.equivalent_looks is not None:
            biased = data if other is None else other
            free = np.sqrt(np.maximum((biased**2 - 1 / band.equivalent_looks) / (1 - 1 / band.equivalent_looks), 0))
            data, other = (free, None) if other is None else (data, free)
        valid = np.isfinite(data.real) & np.isfinite(data.imag)
        if band.encoding in ("phasor", "weighted_phasor"):
            valid &= data != 0
            unit = np.where(valid, data, 1) / np.abs(np.where(valid, data, 1))
            if other is not None:
                valid &= np.isfinite(other)
                unit = unit * np.clip(np.where(valid, other, 0), 0, 1)
            planes = [unit.real, unit.imag]
        elif other is not None:
            with np.errstate(all="ignore"):
                x = {"ratio": data / other, "log_ratio": 10 * np.log10(data) - 10 * np.log10(other),
                     "difference": data - other}[band.encoding]  # fmt: skip
            valid &= np.isfinite(x)
            planes = [(np.clip(np.where(valid, x, 0), band.low, band.high) - band.centre) / band.scale]
        elif band.encoding == "deramped":
            rows, cols = np.nonzero(valid)
            system = np.stack([np.ones(len(rows)), rows, cols], axis=1)
            fit = np.linalg.lstsq(system, data[valid], rcond=None)[0]
            flat = data - fit[1] * np.arange(data.shape[0])[:, None] - fit[2] * np.arange(data.shape[1])
            x = np.where(valid, flat - np.median(flat[valid]), 0)
            planes = [(np.clip(x, band.low, band.high) - band.centre) / band.scale]
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


def decoded_reference(plane, band):
    """A stored plane as float64 or complex128, NaN where there are no data."""
    values = plane[..., 0] + 1j * plane[..., 1] if plane.ndim == 3 else plane
    stored = values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)
    out = stored.copy() if band.gain is None else stored * band.gain + band.offset
    if band.nodata is not None:
        out[stored == band.nodata] = np.nan
    return out


@remembered
def resample_reference(image, rows, cols, table, right=None):
    """Each position by itself, from a table of weights (steps + 1, taps) interpolated between its lines; columns have
    their own table `right`, if given."""
    out = np.full(rows.shape, np.nan + 1j * np.nan)
    for index in np.ndindex(*rows.shape):
        at = rows[index], cols[index]
        if not all(-0.5 <= p <= size - 0.5 for p, size in zip(at, image.shape, strict=True)):
            continue
        axes = []
        for position, lines in zip(at, (table, table if right is None else right), strict=True):
            below = np.floor(position)
            line, part = divmod((position - below) * (len(lines) - 1), 1)
            weights = (1 - part) * lines[int(line)] + part * lines[min(int(line) + 1, len(lines) - 1)]
            axes.append((int(below) - lines.shape[1] // 2 + 1, weights))
        total = weight = found = whole = 0.0
        for i, down in enumerate(axes[0][1]):
            for j, along in enumerate(axes[1][1]):
                r, c = axes[0][0] + i, axes[1][0] + j
                whole += abs(down * along)
                if not (0 <= r < image.shape[0] and 0 <= c < image.shape[1]) or not np.isfinite(image[r, c]):
                    continue
                total += down * along * complex(image[r, c])
                weight += down * along
                found += abs(down * along)
        if found >= 0.5 * whole and weight > 0:
            out[index] = total / weight * axes[0][1].sum() * axes[1][1].sum()
    return out


def coregister_reference(image, valid, offsets, phase_terms, carrier, height, tables, *, shift=0.0, flatten=True):
    """Pixels of a reference from a burst: `offsets` are (table, origin, scale) of rows and columns as sums of powers,
    `carrier` radians at (row, col), `height` (rows, cols) metres, `valid` the first and last sample of each line."""
    lines, samples = np.indices(image.shape).astype(float)
    known = (samples >= valid[:, :1]) & (samples <= valid[:, 1:]) & (valid[:, :1] >= 0)
    still = np.where(known, image.astype(complex) * np.exp(-1j * carrier(lines, samples)), np.nan)
    row, col = np.indices(height.shape).astype(float)
    moved = []
    for table, origin, scale in offsets:
        u, v, w = ((axis - o) / s for axis, o, s in zip((row, col, height), origin, scale, strict=True))
        moved.append(sum(table[i, j, k] * u**i * v**j * w**k for i, j, k in np.ndindex(table.shape)))
    at_row, at_col = row + moved[0] + shift, col + moved[1]
    phase = phase_terms[0] + phase_terms[1] * col + phase_terms[2] * moved[1] if flatten else 0.0
    values = resample_reference(still, at_row, at_col, *tables)
    return values * np.exp(1j * (carrier(at_row, at_col) + phase))


def robust_decay(rho, days, *, scale, rounds=3):
    """rho_inf, tau of one pixel: least squares, then `rounds` times more with weights 1 / sqrt(1 + (r / scale)^2)."""
    lags, weights = np.asarray(days, np.float64), np.ones(len(rho))

    def asymptote(tau):
        f = 1 - np.exp(-lags / np.asarray(tau)[..., None])
        return np.clip((weights * f * (rho - 1 + f)).sum(-1) / (weights * f**2).sum(-1), 0, 1)

    def residuals(tau):
        decay = np.exp(-lags / np.asarray(tau)[..., None])
        return rho - decay - asymptote(tau)[..., None] * (1 - decay)

    result = (0.0, 0.0)
    for _ in range(rounds + 1):
        taus = np.geomspace(1, 1000, 1201)
        for _ in range(3):
            best = int(np.argmin((weights * residuals(taus) ** 2).sum(-1)))
            tau, taus = taus[best], np.linspace(taus[max(best - 1, 0)], taus[min(best + 1, len(taus) - 1)], 41)
        result = float(asymptote(tau)), float(tau)
        weights = 1 / np.sqrt(1 + (residuals(tau) / scale) ** 2)
    return result


@remembered
def shade_reference(distance, look, step, steps):
    """Layover 1 and shadow 2 of every pixel, by looking at every step of the line of sight."""
    row, col = np.indices(distance.shape).astype(float)
    layover, shadow = np.zeros((2, *distance.shape), bool)
    for k in range(1, steps + 1):
        for sign in (-1, 1):
            y, x = row + k * (sign * step[0]), col + k * (sign * step[1])
            inside = (y >= 0) & (x >= 0) & (y <= distance.shape[0] - 1) & (x <= distance.shape[1] - 1)
            r, c = (np.clip(axis.astype(int), 0, size - 2) for axis, size in zip((y, x), distance.shape, strict=True))
            fy, fx = y - r, x - c

            def there(plane, r=r, c=c, fy=fy, fx=fx):
                return (1 - fy) * ((1 - fx) * plane[r, c] + fx * plane[r, c + 1]) + fy * (
                    (1 - fx) * plane[r + 1, c] + fx * plane[r + 1, c + 1]
                )

            if sign < 0:
                layover |= inside & (there(distance) >= distance)
                shadow |= inside & (there(look) >= look)
            else:
                layover |= inside & (there(distance) <= distance)
    return layover + 2 * shadow


def margin_reference(outline, point, spacing):
    """Signed distance of a point from the nearest side of a convex polygon, side by side, positive inside."""
    corners = [np.multiply(corner, spacing) for corner in outline]
    place, middle = np.multiply(point, spacing), np.mean(corners, axis=0)
    distances = []
    for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
        normal = np.array([end[1] - start[1], start[0] - end[0]]) / np.linalg.norm(end - start)
        inward = normal if normal @ (middle - start) > 0 else -normal
        distances.append(inward @ (place - start))
    return min(distances)


def quantised(values: np.ndarray, levels: int, no_data: int) -> np.ndarray:
    """Nearest of the levels 0 ... `levels` of values in [0, 1], halves to even; `no_data` for NaN."""
    out = np.full(values.shape, no_data, np.uint8)
    for place in np.ndindex(values.shape):
        step = np.float32(values[place]) * np.float32(levels)
        if not np.isnan(step):
            out[place] = round(min(max(float(step), 0.0), float(levels)))
    return out
