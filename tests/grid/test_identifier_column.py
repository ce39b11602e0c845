"""Identifiers in columns behave as the lists of texts they stand for."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3leo_sar import TileGrid
from m3leo_sar.grid.identifier import hash_numbers, list_hash, text_hash
from m3leo_sar.grid.identifier_column import HashCoding, IdentifierColumn, NameCoding
from m3leo_sar.grid.lattice_coding import LatticeCoding, lattice_codes
from m3leo_sar.grid.utm_lattice import UtmCells

hashes = st.integers(0, 16**13 - 1).map(lambda number: f"{number:013x}")
names = st.one_of(hashes, st.text("0123456789abcdefN- ", max_size=20), st.sampled_from(["A" * 13, "0" * 14, ""]))
places = st.tuples(
    st.integers(-60, 60).filter(bool),
    st.one_of(st.integers(0, 12_000), st.integers(0, 2**28 - 1)),
    st.integers(0, 9999),
)


@given(texts=st.lists(names, max_size=9), strange=names)
def test_a_column_is_the_list_of_its_texts(texts, strange):
    column = IdentifierColumn.of(iter(texts))
    assert column == texts
    assert texts == column
    assert list(column) == [column[place] for place in range(len(column))] == texts
    assert column[1:-1] == texts[1:-1]
    assert column != [*texts, strange]
    assert column.list_hash == text_hash(" ".join(texts)) == list_hash(texts)
    where = {text: place for place, text in enumerate(texts)}
    assert dict(column.positions) == where
    assert len(column.positions) == len(where)
    assert (strange in column) == (strange in texts)
    assert column.positions.get(strange) == where.get(strange)
    found = column.find([*texts, strange]).tolist()
    assert found == [where.get(text, -1) for text in [*texts, strange]]
    assert column.find(column).tolist() == found[:-1]
    twice = next((text for place, text in enumerate(texts) if text in texts[:place]), None)
    assert column.positions.first_repeated == twice
    assert 5 not in column


@given(texts=st.lists(hashes, min_size=1, max_size=5))
def test_hashes_take_eight_bytes_and_anything_else_is_kept_as_it_is(texts):
    assert IdentifierColumn.of(texts).coding == HashCoding()
    assert IdentifierColumn.of(texts).codes.tolist() == [int(text, 16) for text in texts]
    for wrong in ("1A1e77399c5bd", "1a1e77399c5b", "1a1e77399c5bd0", "1a1e77399c5b\u00e9"):
        mixed = IdentifierColumn.of([*texts, wrong])
        assert isinstance(mixed.coding, NameCoding)
        assert list(mixed) == [*texts, wrong]
    # Blanks inside a name are not those between names.
    assert hash_numbers(" ".join([texts[0], *texts]).encode(), len(texts)) is None


@given(found=st.lists(places, min_size=1, max_size=7))
def test_places_of_the_lattice_are_texts_and_back(found):
    zone, column, row = (np.array(axis, np.int32) for axis in zip(*found, strict=True))
    coding, codes = LatticeCoding(4480), lattice_codes(zone, column, row)
    expected = [f"{abs(z):02d}{'N' if z > 0 else 'S'}4480-{c:04d}-{r:04d}" for z, c, r in found]
    assert coding.texts(codes) == expected
    assert [coding.code(text) for text in expected] == codes.tolist()
    assert coding.joined(codes) == " ".join(expected).encode()
    cells = UtmCells.named(expected)
    assert (cells.zone.tolist(), cells.column.tolist(), cells.row.tolist()) == tuple(
        map(list, zip(*found, strict=True))
    )
    assert cells.identifiers == expected


@pytest.mark.parametrize(
    "text",
    ["31N4480-00113-1203", "31N1000-0113-1203", "61N4480-0113-1203", "31N4480-113-1203", "31N4480-0113-9999999999"],
)
def test_a_text_that_no_place_has_is_not_found(text):
    grid = TileGrid.from_identifiers(["31N4480-0113-1203", "31S4480-0112-0003"])
    assert text not in grid.positions
    with pytest.raises(KeyError, match="is not among the 2 of this grid"):
        grid[text]


def test_a_grid_keeps_columns_through_selection_and_copies():
    grid = TileGrid.exact((5.9, 49.5, 6.1, 49.6))
    part = pickle.loads(pickle.dumps(grid)).take([7, 3])
    assert part.identifiers == [grid.identifiers[7], grid.identifiers[3]]
    assert part[grid.identifiers[3]].bounds == grid[3].bounds
    named = TileGrid(grid.bounds, identifiers=[f"tile {number}" for number in range(len(grid))])
    assert named[2:4].identifiers == ["tile 2", "tile 3"]
    assert named["tile 5"].identifier == "tile 5"
    assert repr(named.identifiers) == f"['tile 0', 'tile 1', 'tile 2', 'tile 3', ...] of {len(grid)} tiles"
