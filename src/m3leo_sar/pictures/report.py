"""A report of an archive: one self-contained HTML file."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from m3leo_sar.io.chips.product_names import LABEL
from m3leo_sar.io.files.atomic import write_text
from m3leo_sar.pictures.archive_survey import Product, Survey, survey
from m3leo_sar.pictures.chip_picture import chip_title, key_title
from m3leo_sar.pictures.contact_sheet import plot_sheet
from m3leo_sar.pictures.figure import picture_bytes
from m3leo_sar.pictures.histogram import plot_histogram
from m3leo_sar.pictures.network_picture import plot_network
from m3leo_sar.pictures.picture_format import require_output
from m3leo_sar.pictures.readable_archive import ReadableArchive
from m3leo_sar.pictures.tile_map import archive_outlines, plot_map

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Maximum rows of a table, and labels with a contact sheet; omitted ones are counted.
_ROWS, _LABELS = 200, 4
#: Media types of pictures within the file.
_TYPES = {"png": "image/png", "svg": "image/svg+xml"}
#: HTML of a figure with its description and caption.
_Embed = Callable[..., str]
#: Separator between the present and the missing chips of a product of a tile.
_LACKS = ", lacks "

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --mark: #b3261e; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 0 auto; padding: 1rem; }
h1, h2 { line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
nav a { margin-right: 1rem; }
.wide { overflow-x: auto; margin-bottom: 1.2rem; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.8rem 0.3rem 0; border-bottom: 1px solid var(--line); }
th, td { overflow-wrap: break-word; max-width: 28rem; }
caption { text-align: left; padding-bottom: 0.4rem; }
tbody tr:nth-child(even) { background: var(--soft); }
figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
.row { display: flex; flex-wrap: wrap; gap: 1rem; }
.row figure { margin: 0; }
.lack { color: var(--mark); font-weight: 600; }
@media (prefers-color-scheme: dark) { :root { --mark: #ff8a80; } }
"""
#: Content policy for the browser: nothing in this file may be executed or loaded from elsewhere.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write_report(
    archive: ReadableArchive,
    path: str | os.PathLike[str],
    *,
    splits: Mapping[str, str] | None = None,
    max_tiles: int = 24,
    dpi: float = 110,
    form: str = "png",
) -> None:
    """Write the contents of an archive, its missing chips and its pictures into one HTML file.

    The report lists the chips of each product with their metadata, a map of the tiles, the network of pairs, missing
    chips per tile, the fraction of valid pixels and histograms of values, contact sheets, and every unreadable chip.
    Pictures are embedded; the file has no scripts and loads nothing. Equal archives give equal reports.

    Parameters
    ----------
    archive : ReadableArchive
        An archive of chips, of any class.
    path : str or path
        File to write, atomically.
    splits : mapping of str to str, optional
        Split by identifier, shown in the map.
    max_tiles : int
        Number of evenly chosen tiles whose values are read for histograms, fractions and contact sheets; counts, the
        map and the search for damaged chips use all tiles.
    dpi : float
        Pixels per inch of its pictures.
    form : str
        Format of its pictures, ``"png"`` or ``"svg"``.

    Raises
    ------
    ValueError
        If ``max_tiles`` is below 1, the format is another, or ``dpi`` is out of range.
    OSError
        If the report cannot be written.
    """
    if form not in _TYPES:
        raise ValueError(f"form must be png or svg within a report, got {form!r}")
    require_output(None, form, dpi)
    found = survey(archive, max_tiles=max_tiles)
    picture = partial(_picture, dpi=dpi, form=form)
    sections = {
        "Contents": _contents(found),
        "Map": _map(archive, found, splits, picture),
        "Pairs": _network(found, picture),
        "Coverage": _coverage(found),
        "Values": _values(found, picture),
        "Sheets": _sheets(archive, found, picture),
        "Faults": _faults(archive),
    }
    name = f"Chip archive {_name(archive)}"
    links = "".join(f'<a href="#{title.lower()}">{title}</a> ' for title in sections)
    body = "\n".join(
        f'<section id="{title.lower()}"><h2>{title}</h2>\n{text}\n</section>' for title, text in sections.items()
    )
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_text(_POLICY)}">
<title>{_text(name)}</title>
<style>{_STYLE}</style>
</head>
<body>
<header><h1>{_text(name)}</h1></header>
<nav aria-label="Sections">{links}</nav>
<main>
{body}
</main>
</body>
</html>
"""
    write_text(path, page)


def _contents(found: Survey) -> str:
    days = sorted({abs(pair.days) for pair in found.pairs})
    apart = " to ".join(str(day) for day in dict.fromkeys((days[0], days[-1]))) if days else ""
    spans = [f"{len(found.dates)}, {found.dates[0]} to {found.dates[-1]}"] if found.dates else ["none"]
    facts = {
        "tiles": [str(len(found.identifiers))],
        "chips": [str(sum(product.chips for product in found.products.values()))],
        "dates": spans,
        "pairs": [f"{len(found.pairs)}, {apart} days apart"] if days else ["none"],
        **{
            name: found.values_of(name) or ["unknown"]
            for name in ("polarisation", "orbit", "track", "grid", "software")
        },
    }
    rows = [(name, _some(values)) for name, values in facts.items()]
    text = _table("The archive", ("", ""), rows)
    heads = (
        "product",
        "chips",
        "tiles",
        "keys",
        "unit",
        "polarisation",
        "orbit",
        "window",
        "looks",
        "pixels with data",
    )
    return text + _table(
        f"Its products. {_basis(found)}", heads, [_product_row(found, item) for item in found.products.values()]
    )


def _product_row(found: Survey, product: Product) -> tuple[str, ...]:
    facts = [
        _some(sorted(product.facts.get(name, ()))) for name in ("unit", "polarisation", "orbit", "window", "looks")
    ]
    tiles = f"{len(product.tiles)} of {len(found.identifiers)}"
    share = f"{np.mean(product.valid):.1%}, lowest {min(product.valid):.1%}" if product.valid else "none could be read"
    return product.name, str(product.chips), tiles, str(len(product.tiles_by_key)), *facts, share


def _basis(found: Survey) -> str:
    if len(found.sampled) == len(found.identifiers):
        return "Facts and shares are those of all tiles."
    return f"Facts and shares are those of {len(found.sampled)} of {len(found.identifiers)} tiles, evenly chosen."


def _name(archive: ReadableArchive) -> str:
    """The archive's folder, without the folders above it, which are the maker's own."""
    return Path(str(archive.root)).name or "without a name"


def _map(archive: ReadableArchive, found: Survey, splits: Mapping[str, str] | None, picture: _Embed) -> str:
    outlines = archive_outlines(archive, identifiers=found.identifiers)
    if not outlines:
        return "<p>No tile has a chip with a readable grid.</p>"
    lost = len(found.identifiers) - len(outlines)
    note = f"<p>{lost} more tiles have no readable chip and are not on the map.</p>" if lost else ""
    alt = f"Map of {len(outlines)} tiles in longitude and latitude{', coloured by split' if splits else ''}"
    return picture(plot_map(outlines, splits=splits), alt) + note


def _network(found: Survey, picture: _Embed) -> str:
    if not found.pairs:
        return "<p>No key of the archive is a pair.</p>"
    alt = f"Network of {len(found.pairs)} pairs between {len(found.dates)} dates"
    return picture(plot_network(found.dates, found.pairs), alt)


def _coverage(found: Survey) -> str:
    products = list(found.products.values())
    lacks = {tile: [product.lacking(tile) for product in products] for tile in found.identifiers}
    wanting = [tile for tile in found.identifiers if any(lacks[tile])]
    # Incomplete tiles first, so that the row limit does not hide them behind complete ones.
    ordered = [*wanting, *(tile for tile in found.identifiers if not any(lacks[tile]))]
    rows = [
        (tile, *(_covered(product, lacking) for product, lacking in zip(products, lacks[tile], strict=True)))
        for tile in ordered[:_ROWS]
    ]
    caption = f"{len(wanting)} of {len(found.identifiers)} tiles lack a product that another tile has."
    left = len(ordered) - len(rows)
    more = f" {left} more tiles are not listed." if left else ""
    return _table(caption + more, ("tile", *(product.name for product in products)), rows, mark=_LACKS)


def _covered(product: Product, lacking: list[str]) -> str:
    keys = len(product.tiles_by_key)
    covered = f"{keys - len(lacking)} of {keys}"
    titles = [key_title(key, product.pairs.get(key)) for key in lacking]
    return f"{covered}{_LACKS}{_some(titles, most=3)}" if lacking else covered


def _values(found: Survey, picture: _Embed) -> str:
    figures = []
    for product in found.products.values():
        for (kind, label), parts in product.values.items():
            values = np.concatenate(parts)
            name = label if label.startswith(product.name) else f"{product.name}: {label}"
            if not np.isfinite(values).any():
                figures.append(f"<p>{_text(name)}: no pixel has data.</p>")
                continue
            middle = "" if kind in ("classes", "mask") else f", median {np.nanmedian(values):.3g}"
            figure = plot_histogram(values, kind=kind, label=label, title=name, legend=product.legends[kind, label])
            figures.append(picture(figure, f"Histogram of {name}{middle}"))
    return f'<p>{_basis(found)}</p><div class="row">{"".join(figures)}</div>'


def _sheets(archive: ReadableArchive, found: Survey, picture: _Embed) -> str:
    texts = []
    for product in found.products.values():
        keys = list(product.tiles_by_key)[:_LABELS] if product.name == LABEL else [product.common_key()]
        for key in keys if product.tiles_by_key else []:
            title = chip_title(product.name, key, pair=product.pairs.get(key))
            try:
                figure = plot_sheet(archive, product.name, key, identifiers=found.sampled)
            except ValueError as error:
                texts.append(f"<p>{_text(title)}: {_text(str(error).replace(str(archive.root), _name(archive)))}</p>")
                continue
            shown = f"{len(found.sampled)} of {len(found.identifiers)} tiles"
            caption = f"{shown}, evenly chosen" if len(found.sampled) < len(found.identifiers) else ""
            texts.append(picture(figure, f"Contact sheet: {title}, {shown}", caption))
    return "".join(texts) or "<p>There is nothing to show.</p>"


def _faults(archive: ReadableArchive) -> str:
    root = str(archive.root)
    rows = [(_within(archive, path), fault.replace(root, _name(archive))) for path, fault in archive.verify()]
    if not rows:
        return "<p>Every chip can be read.</p>"
    left = f" {len(rows) - _ROWS} more are not listed." if len(rows) > _ROWS else ""
    unreadable = "1 chip cannot" if len(rows) == 1 else f"{len(rows)} chips cannot"
    return _table(f"{unreadable} be read.{left}", ("file", "fault"), rows[:_ROWS])


def _within(archive: ReadableArchive, path: Path) -> str:
    """The path relative to the archive's root if it is inside, otherwise the name alone."""
    root = Path(str(archive.root))
    return str(path.relative_to(root)) if path.is_relative_to(root) else path.name


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], *, mark: str = "") -> str:
    """A table; the first cell of each row is its header, cells that contain the text ``mark`` are marked."""
    head = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in heads) if any(heads) else ""
    lines = [f'<div class="wide"><table><caption>{_text(caption)}</caption>']
    lines += [f"<thead><tr>{head}</tr></thead>"] if head else []
    lines.append("<tbody>")
    for first, *rest in rows:
        marks = [' class="lack"' if mark and mark in cell else "" for cell in rest]
        cells = "".join(f"<td{marked}>{_text(cell)}</td>" for marked, cell in zip(marks, rest, strict=True))
        lines.append(f'<tr><th scope="row">{_text(first)}</th>{cells}</tr>')
    return "\n".join([*lines, "</tbody></table></div>\n"])


def _picture(figure: Figure, alt: str, caption: str = "", *, dpi: float, form: str) -> str:
    note = f"<figcaption>{_text(caption)}</figcaption>" if caption else ""
    data = base64.b64encode(picture_bytes(figure, dpi=dpi, form=form)).decode("ascii")
    return f'<figure><img alt="{_text(alt)}" src="data:{_TYPES[form]};base64,{data}">{note}</figure>\n'


def _some(values: Sequence[str], *, most: int = 6) -> str:
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(values[:most]) + more


def _text(value: Any) -> str:
    """Text escaped for HTML: names of files and folders are untrusted, and not always valid Unicode."""
    printable = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(value))
    return html.escape(printable, quote=True)
