"""How each provider of prices is asked: where it is, how often, and how long it may take."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from daemon.configuration.section import Section
from market.limits import Limits

ProviderName = Literal["yahoo", "eodhd", "finnhub", "file", "sample"]

TOKENS: Final = {"eodhd": "eodhd_token", "finnhub": "finnhub_token"}
"""The secret that a provider needs."""


class ProviderSettings(Section):
    """How a provider is asked over the network."""

    url: str = Field("", pattern=r"^https?://[^?#\s]+$")
    requests_per_second: float = Field(10.0, gt=0, le=1000)
    at_once: int = Field(4, ge=1, le=64)
    timeout_seconds: float = Field(10.0, gt=0, le=120)
    attempts: int = Field(4, ge=1, le=10)

    def limits(self) -> Limits:
        """Return the same as the guard takes it."""
        return Limits(
            per_s=self.requests_per_second,
            at_once=self.at_once,
            timeout_s=self.timeout_seconds,
            attempts=self.attempts,
        )


class YahooSettings(ProviderSettings):
    """How Yahoo Finance is asked."""

    url: str = Field("https://query2.finance.yahoo.com", pattern=r"^https?://[^?#\s]+$")
    requests_per_second: float = Field(20.0, gt=0, le=1000)
    at_once: int = Field(8, ge=1, le=64)
    timeout_seconds: float = Field(8.0, gt=0, le=120)


class EodhdSettings(ProviderSettings):
    """How EODHD is asked."""

    url: str = Field("https://eodhd.com/api/", pattern=r"^https?://[^?#\s]+$")


class FinraSettings(ProviderSettings):
    """How FINRA's daily short-volume files are asked for."""

    url: str = Field("https://cdn.finra.org/equity/regsho/daily/", pattern=r"^https?://[^?#\s]+$")
    requests_per_second: float = Field(5.0, gt=0, le=1000)


class FinnhubSettings(ProviderSettings):
    """How Finnhub is asked."""

    url: str = Field("https://finnhub.io/api/v1/", pattern=r"^https?://[^?#\s]+$")
    requests_per_second: float = Field(1.0, gt=0, le=1000)
