"""Missing rows: how many of a table's rows could not be used, a fact."""

from __future__ import annotations

from monitors.reading import Reading, State
from monitors.verdict import Subject

MANY = 0.20  # share of missing rows above which what the others say may not stand for all


def missing_reading(subject: Subject, missing: int, rows: int, usual: float = 0.0) -> tuple[Reading, ...]:
    """The share of rows without a value; a warning where it is large, nothing where there is none.

    Args:
        subject: What the reading is about; its threshold is set here.
        missing: Rows without a value.
        rows: All rows.
        usual: The share that was missing before; twice as much is no news.
    """
    if missing == 0:
        return ()
    share, limit = missing / rows, max(MANY, 2 * usual)
    judged = Subject(subject.session, subject.monitor, subject.metric, subject.name, limit)
    state = State.WARN if share > limit else State.OK
    return (judged.judged(share, rows, state, detail=f"{missing:,} of {rows:,} rows left out"),)
