from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.market.price_rows import HEADER, Write, WriteParquet


@pytest.fixture
def csv(tmp_path: Path) -> Write:
    def write(*rows: str, header: str = HEADER, name: str = "prices.csv") -> Path:
        path = tmp_path / name
        path.write_text("\n".join([header, *rows]) + "\n")
        return path

    return write


@pytest.fixture
def parquet(tmp_path: Path) -> WriteParquet:
    def write(changes: dict[str, object]) -> Path:
        columns: dict[str, object] = {
            "date": [date(2024, 1, 2), date(2024, 1, 2), date(2024, 1, 3)],
            "ticker": ["AAA", "BBB", "AAA"],
            "open": [10.0, 20.0, 10.5],
            "high": [11.0, 22.0, 12.0],
            "low": [9.0, 19.0, 10.0],
            "close": [10.5, 21.0, 11.5],
            "volume": [100, 0, 300],
        }
        path = tmp_path / "prices.parquet"
        pq.write_table(pa.table(columns | changes), path)
        return path

    return write
