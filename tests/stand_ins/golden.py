"""Golden files: what a rendering looked like when somebody last read it and found it good."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "alerts" / "golden"


def assert_golden(name: str, text: str, suffix: str = "txt") -> None:
    """Compare the text with `tests/alerts/golden/NAME.SUFFIX`.

    To accept a change, run the tests with UPDATE_GOLDEN=1 and read the difference before committing it.
    """
    file = FOLDER / f"{name}.{suffix}"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), f"{file} differs; UPDATE_GOLDEN=1 accepts the change"
