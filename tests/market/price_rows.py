"""A small, faultless price table that the tests of the price file start from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

HEADER = "date,ticker,open,high,low,close,volume"
GOOD = [
    "2024-01-02,AAA,10,11,9,10.5,100",
    "2024-01-02,BBB,20,22,19,21,0",
    "2024-01-03,AAA,10.5,12,10,11.5,300",
]

Write = Callable[..., Path]
WriteParquet = Callable[[dict[str, object]], Path]
