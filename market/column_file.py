"""A file of named columns, CSV or Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

TICKERS: Final = dict.fromkeys(("ticker", "supplier", "customer"), pa.string())
"""Columns that are text whatever a CSV's cells look like: TRUE and NA are tickers."""


def read_columns(path: Path, columns: tuple[str, ...], fault: type[ValueError]) -> pa.Table:
    """Return a file's table; a `.csv` may be packed as `.csv.gz`.

    Args:
        path: Its path; what does not end in `.parquet` is a CSV.
        columns: Those that it must have.
        fault: What is raised, with a text that names the file and the fix, where it cannot be read or lacks
            a column.
    """
    try:
        table = pq.read_table(path) if path.suffix == ".parquet" else _read_csv(path)
    except FileNotFoundError as error:
        raise fault(f"{path}: there is no such file; check the path") from error
    except (OSError, pa.ArrowException) as error:
        raise fault(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error
    absent = [name for name in columns if name not in table.column_names]
    if absent:
        raise fault(
            f"{path}: column {absent[0]!r} is missing among {', '.join(table.column_names) or 'none'}"
        )
    return table


def _read_csv(path: Path) -> pa.Table:
    return pacsv.read_csv(path, convert_options=pacsv.ConvertOptions(column_types=TICKERS))
