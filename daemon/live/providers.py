"""The configured providers of prices, built."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from daemon.configuration.provider_settings import TOKENS, ProviderName
from daemon.configuration.settings import MarketSettings, Settings
from market.eodhd import EodhdProvider
from market.file_provider import FileProvider
from market.finnhub import FinnhubProvider
from market.guard import Guard, Request, ignore
from market.provider import PriceProvider
from market.provider_chain import Source
from market.sample import SAMPLE_PATH
from market.yahoo import YahooProvider


def provider_names(settings: MarketSettings) -> tuple[ProviderName, ...]:
    """Return who is asked for prices, in that order."""
    return tuple(dict.fromkeys((settings.provider, *settings.fallback)))


def make_sources(settings: Settings, told: Callable[[Request], None] = ignore) -> tuple[Source, ...]:
    """Build the configured providers, in the order in which they are asked.

    Args:
        settings: Every setting; the tokens are among its secrets.
        told: Hears how each request over the network ended.
    """
    return tuple(Source(name, _provider(name, settings, told)) for name in provider_names(settings.market))


def _provider(name: ProviderName, settings: Settings, told: Callable[[Request], None]) -> PriceProvider:
    market = settings.market
    match name:
        case "file":
            return FileProvider(Path(market.prices_file))
        case "sample":
            return FileProvider(SAMPLE_PATH)
        case "yahoo":
            guard = Guard(name, market.yahoo.limits(), told=told)
            return YahooProvider(guard, url=market.yahoo.url)
        case "eodhd":
            guard = Guard(name, market.eodhd.limits(), told=told)
            return EodhdProvider(_token(name, settings), guard, url=market.eodhd.url)
        case "finnhub":
            guard = Guard(name, market.finnhub.limits(), told=told)
            return FinnhubProvider(_token(name, settings), guard, url=market.finnhub.url)


def _token(name: ProviderName, settings: Settings) -> str:
    return settings.secrets[TOKENS[name]].get_secret_value()
