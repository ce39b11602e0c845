"""Columns of a parquet file of any origin, with sizes checked before they are unpacked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from m3leo_sar.io.files import limits


def read_columns(
    path: str | os.PathLike[str], columns: Sequence[str] | None = None, *, group: int | None = None
) -> Any:
    """Read columns of a parquet file, or of one of its row groups, as an Arrow table.

    Parameters
    ----------
    path : path
    columns : sequence of str, optional
        By default all; a column that the file lacks is left out.
    group : int, optional
        Row group; by default all.

    Raises
    ------
    ValueError
        If the file is not a parquet file or damaged, or its unpacked size exceeds ``limits.LARGEST_TABLE`` or
        ``limits.LARGEST_ROWS``.
    """
    with _opened(path, columns, group) as (file, groups, names, name):
        table = file.read_row_groups(groups, columns=names)
        table.validate(full=True)
        return _unfolded(table, name)


def read_groups(path: str | os.PathLike[str], columns: Sequence[str]) -> Iterator[Any]:
    """Read columns of a parquet file as one Arrow table per row group, of which one is in memory at a time.

    Raises
    ------
    ValueError
        As :func:`read_columns`.
    """
    with _returned_memory(), _opened(path, columns, None) as (file, groups, names, name):
        for number in groups:
            table = file.read_row_group(number, columns=names, use_threads=False)
            table.validate(full=True)
            yield _unfolded(table, name)


@contextmanager
def _opened(
    path: str | os.PathLike[str], columns: Sequence[str] | None, group: int | None
) -> Iterator[tuple[Any, list[int], list[str] | None, str]]:
    """The file, the row groups and columns to read, and its name; faults of the file become sentences."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    name = Path(path).name
    try:
        with pq.ParquetFile(path) as plain:
            groups = list(range(plain.num_row_groups)) if group is None else [group]
            texts = _texts(plain.schema_arrow)
            _check_header(plain.metadata, groups, columns, name)
        # A value stored once and referenced by a million rows remains one value.
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            yield file, groups, None if columns is None else list(columns), name
    except (pa.ArrowException, OSError, UnicodeDecodeError, MemoryError, OverflowError) as error:
        raise ValueError(f"{name} is not a readable parquet file: {_first_line(error)}") from error


@contextmanager
def _returned_memory() -> Iterator[None]:
    """Read into memory that goes back to the system: Arrow's default keeps 40 MB however little is read at once."""
    import pyarrow as pa

    before = pa.default_memory_pool()
    # What is held by one pool may be used and freed while another is the default.
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)


def _texts(schema: Any) -> list[str]:
    import pyarrow as pa

    kinds = (pa.types.is_string, pa.types.is_binary, pa.types.is_large_string, pa.types.is_large_binary)
    return [field.name for field in schema if any(is_kind(field.type) for is_kind in kinds)]


def _check_header(metadata: Any, groups: Sequence[int], columns: Sequence[str] | None, name: str) -> None:
    size = 0
    for number in groups:
        row_group = metadata.row_group(number)
        if not 0 <= row_group.num_rows <= limits.LARGEST_ROWS:
            raise ValueError(f"{name} must have at most {limits.LARGEST_ROWS} rows, got {row_group.num_rows}")
        for place in range(row_group.num_columns):
            column = row_group.column(place)
            if columns is None or column.path_in_schema.partition(".")[0] in columns:
                size += max(0, column.total_uncompressed_size)
    limits.require_size(f"{name}, unpacked,", size, limits.LARGEST_TABLE)


def _unfolded(table: Any, name: str) -> Any:
    """The table with plain texts in place of indices to texts, if they are not too large for that."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            size = sum(
                pc.sum(pc.binary_length(chunk.dictionary).take(chunk.indices)).as_py() or 0
                for chunk in table.column(place).chunks
            )
            limits.require_size(f"column {field.name} of {name}", size, limits.LARGEST_TABLE)
            table = table.set_column(place, field.name, table.column(place).cast(field.type.value_type))
    return table


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
