"""What a quality check is told and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from market.panel import FloatArray, Panel

BoolArray = NDArray[np.bool_]


class Kind(StrEnum):
    """The kinds of fault."""

    PRICE = "price_unusable"
    VOLUME = "volume_unusable"
    ADJ_CLOSE = "adj_close_unusable"
    MISSING = "missing"
    FUTURE = "future"
    OUTSIDE = "outside_high_low"
    NO_VOLUME = "no_volume"
    STALE = "stale"
    UNIT = "unit_100x"
    SPLIT = "split_seam"
    DIVIDEND_AMOUNT = "dividend_amount"
    DIVIDEND_NOT_ADJUSTED = "dividend_not_adjusted"
    DIVIDEND_DOUBLED = "dividend_doubled"


class Verdict(StrEnum):
    """What becomes of a bar."""

    OK = "ok"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Told:
    """What a provider tells.

    Attributes:
        panel: The bars; prices split-adjusted, `adj_close` total return.
        dividends: Money a share at the session from which buyers no longer get it, in the unit of the prices,
            0 where there is none, shape (sessions, tickers); None where the provider does not tell them.
        splits: New shares for an old one at the first session in new shares, 0 where there is none, same
            shape; None where the provider does not tell them.
    """

    panel: Panel
    dividends: FloatArray | None = None
    splits: FloatArray | None = None

    def __post_init__(self) -> None:
        for name in ("dividends", "splits"):
            told: FloatArray | None = getattr(self, name)
            if told is not None and told.shape != self.panel.close.shape:
                raise ValueError(
                    f"{name} have shape {told.shape}, the bars {self.panel.close.shape}; give one a bar"
                )

    def field(self, name: str) -> FloatArray:
        """Return one of the panel's fields, shape (sessions, tickers)."""
        values: FloatArray = getattr(self.panel, name)
        return values


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault.

    Attributes:
        ticker: Whose bars.
        sessions: Which of them, at least one, ascending.
        kind: Of which kind.
        evidence: What shows it, with numbers.
        repair: What would mend it.
    """

    ticker: str
    sessions: tuple[date, ...]
    kind: Kind
    evidence: str
    repair: str

    def __str__(self) -> str:
        first, last = self.sessions[0], self.sessions[-1]
        when = f"{first}" if first == last else f"{first} to {last} ({len(self.sessions)} sessions)"
        return f"{self.ticker} {when}: {self.kind}: {self.evidence}; {self.repair}"


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found.

    Attributes:
        findings: In the order of ticker, session and kind.
        quarantined: Bars to be treated as unknown, shape (sessions, tickers).
    """

    findings: tuple[Finding, ...]
    quarantined: BoolArray

    def verdict(self, row: int, column: int) -> Verdict:
        """Return what becomes of the bar in a row and column of the panel."""
        return Verdict.QUARANTINED if self.quarantined[row, column] else Verdict.OK
