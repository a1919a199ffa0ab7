"""The settings: every key of the configuration, typed, with its default and its limits."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, SecretStr, create_model, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from alerts.channels import kinds
from alerts.channels.kind import ChannelSection
from alerts.message import Severity
from alerts.route import Routing
from alerts.rule import Rule
from alerts.silence import Window
from daemon.configuration.alert_settings import AlertSettings, RuleSettings
from daemon.configuration.delivery_settings import DeliverySettings
from daemon.configuration.provider_settings import (
    EodhdSettings,
    FinnhubSettings,
    FinraSettings,
    ProviderName,
    YahooSettings,
)
from daemon.configuration.section import (
    LONGEST_DAYS,
    LONGEST_MINUTES,
    LONGEST_SECONDS,
    LONGEST_SESSIONS,
    Section,
)
from forecaster.target import Target
from market.universe import read_universe
from monitors.reference_policy import Policy

PREFIX = "FOREWARN_"
INGEST_KEY = "ingest_key"
"""The secret a foreign monitor shows, from FOREWARN_INGEST_KEY or the file FOREWARN_INGEST_KEY_FILE names."""


class DatabaseSettings(Section):
    """Where everything is kept."""

    url: str = Field("sqlite:///forewarn.db", repr=False)  # it may hold a password


SectorName = Annotated[str, Field(min_length=1, max_length=50)]  # it becomes part of a reading's subject


@cache
def _shipped_sectors() -> dict[str, str]:
    return {member.ticker: member.sector for member in read_universe()}


class MarketSettings(Section):
    """What is watched and where its prices come from."""

    calendar: str = "XNYS"
    benchmark: str = "^GSPC"
    provider: ProviderName = "yahoo"
    fallback: Annotated[tuple[ProviderName, ...], NoDecode] = ()
    patience_minutes: float = Field(20.0, ge=0, le=LONGEST_MINUTES)
    prices_file: str = ""
    tickers: tuple[str, ...] = ()
    sectors: dict[str, SectorName] = Field(default_factory=dict)
    history_sessions: int = Field(1060, ge=300, le=LONGEST_SESSIONS)
    short_volume: Literal["none", "finra", "folder"] = "none"
    short_volume_folder: str = ""
    splits_file: str = ""
    minutes: Literal["none", "file", "folder", "eodhd"] = "none"
    minutes_file: str = ""
    minutes_folder: str = ""
    customers_file: str = ""
    yahoo: YahooSettings = YahooSettings()
    eodhd: EodhdSettings = EodhdSettings()
    finnhub: FinnhubSettings = FinnhubSettings()
    finra: FinraSettings = FinraSettings()

    @field_validator("fallback", mode="before")
    @classmethod
    def _one_or_many(cls, written: object) -> object:
        """Take one name, or "" for none, as well as a list of them, in the environment as JSON."""
        if not isinstance(written, str):
            return written
        if written.startswith("["):
            return json.loads(written)
        return (written,) if written else ()

    @model_validator(mode="after")
    def _something_to_trade(self) -> MarketSettings:
        if self.tickers and all(ticker.startswith("^") for ticker in self.tickers):
            raise ValueError("tickers names none to forecast; add one that does not start with ^")
        return self

    def asked(self) -> tuple[str, ...]:
        """Return every ticker that `forewarn run` asks for: the shipped universe where none is named."""
        named = self.tickers or (*_shipped_sectors(), self.benchmark)
        return tuple(sorted(set(named)))

    def sector_of(self) -> dict[str, str]:
        """Return the sector of each ticker: as configured, else as the shipped universe says."""
        return _shipped_sectors() | self.sectors

    @model_validator(mode="after")
    def _file_needs_path(self) -> MarketSettings:
        for key, names in (("provider", (self.provider,)), ("fallback", self.fallback)):
            if "file" in names and not self.prices_file:
                raise ValueError(f'{key} = "file" needs prices_file; name a Parquet or CSV file')
        if self.short_volume == "folder" and not self.short_volume_folder:
            raise ValueError('short_volume = "folder" needs short_volume_folder; name it')
        if self.short_volume_folder and self.short_volume != "folder":
            raise ValueError(
                f'short_volume_folder is not read with short_volume = "{self.short_volume}"; '
                'set short_volume = "folder"'
            )
        return self

    @model_validator(mode="after")
    def _minutes_need_a_place(self) -> MarketSettings:
        if self.minutes == "file" and not self.minutes_file:
            raise ValueError('minutes = "file" needs minutes_file; name a Parquet or CSV file')
        if self.minutes in {"folder", "eodhd"} and not self.minutes_folder:
            raise ValueError(f'minutes = "{self.minutes}" needs minutes_folder; name it')
        if self.minutes_file and self.minutes != "file":
            raise ValueError(
                f'minutes_file is not read with minutes = "{self.minutes}"; set minutes = "file"'
            )
        return self


class ScheduleSettings(Section):
    """When a session is due."""

    minutes_after_close: int = Field(30, ge=0, le=600)
    check_seconds: float = Field(60.0, gt=0, le=LONGEST_SECONDS)
    data_deadline_minutes: int = Field(180, ge=0, le=LONGEST_MINUTES)


class ForecastSettings(Section):
    """What is forecast, and how the model is fitted."""

    target: Target = Target.RELATIVE
    horizon_sessions: int = Field(5, ge=1, le=63)
    train_sessions: int = Field(756, ge=60, le=LONGEST_SESSIONS)
    min_train_sessions: int = Field(252, ge=40, le=LONGEST_SESSIONS)
    refit_sessions: int = Field(63, ge=1, le=LONGEST_SESSIONS)
    least_strength: float = Field(0.0, ge=0, le=3)

    @model_validator(mode="after")
    def _enough_to_train(self) -> ForecastSettings:
        if self.min_train_sessions > self.train_sessions:
            raise ValueError(
                f"min_train_sessions = {self.min_train_sessions} exceeds "
                f"train_sessions = {self.train_sessions}; lower the first or raise the second"
            )
        return self


class TradingSettings(Section):
    """The paper account, its limits and its costs."""

    cash: float = Field(1_000_000.0, gt=0)
    min_confidence: float = Field(0.50, ge=0.5, le=1)
    target_volatility: float = Field(0.07, gt=0, le=1)
    max_weight: float = Field(0.20, gt=0, le=1)
    max_gross: float = Field(0.95, gt=0, le=0.99)
    max_hold_sessions: int = Field(20, ge=1, le=LONGEST_SESSIONS)
    slippage_bp: float = Field(2.0, ge=0)
    commission_bp: float = Field(1.0, ge=0)


class MonitorSettings(Section):
    """What the monitors look at."""

    window_sessions: int = Field(20, ge=5, le=LONGEST_SESSIONS)
    reference: Policy = Policy.ROLLING
    false_alarms_per_year: float = Field(0.25, gt=0, le=12)
    max_missing: float = Field(0.2, ge=0, le=1)
    keep_calls_days: int = Field(400, ge=90, le=LONGEST_DAYS)


class ReplaySettings(Section):
    """How history is replayed."""

    operator_sessions: int = Field(20, ge=1, le=LONGEST_SESSIONS)


class ServerSettings(Section):
    """Where the status page is served."""

    host: str = "127.0.0.1"
    port: int = Field(8087, ge=0, le=65535)


class ExecutorSettings(Section):
    """Where computing happens."""

    kind: Literal["process", "thread", "inline"] = "process"
    workers: int = Field(1, ge=1, le=64)


class _ChannelTables(Section):
    def of(self, name: str) -> ChannelSection:
        """Return the table of the channel called `name`."""
        table: ChannelSection = getattr(self, name)
        return table


if TYPE_CHECKING:

    class ChannelSettings(_ChannelTables):
        """Where alerts are told: one table for each kind of channel that is found."""

        def __getattr__(self, name: str) -> Any: ...  # noqa: ANN401 - a channel's own settings

else:
    ChannelSettings = create_model(
        "ChannelSettings",
        __base__=_ChannelTables,
        **{kind.name: (kind.settings, kind.settings()) for kind in kinds().values()},
    )


class Settings(BaseSettings):
    """Every setting. Built by `load_settings` only."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    database: DatabaseSettings = DatabaseSettings()
    market: MarketSettings = MarketSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    forecast: ForecastSettings = ForecastSettings()
    trading: TradingSettings = TradingSettings()
    monitors: MonitorSettings = MonitorSettings()
    replay: ReplaySettings = ReplaySettings()
    server: ServerSettings = ServerSettings()
    executor: ExecutorSettings = ExecutorSettings()
    channels: ChannelSettings = ChannelSettings()
    delivery: DeliverySettings = DeliverySettings()
    alerts: AlertSettings = AlertSettings()
    rules: dict[str, RuleSettings] = Field(default_factory=dict)
    secrets: dict[str, SecretStr] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, and read nothing else."""
        return env_settings, init_settings

    def rule_set(self) -> tuple[Rule, ...]:
        """Return the rules in force, by name."""
        return tuple(rule.rule(name) for name, rule in sorted(self.rules.items()) if rule.enabled)

    def routing(self, channels: tuple[tuple[str, Severity], ...]) -> Routing:
        """Return the routing table over the enabled channels, as (name, least severity)."""
        return self.alerts.routing(channels)

    def windows(self) -> tuple[Window, ...]:
        """Return the maintenance windows."""
        return tuple(window.window() for window in self.alerts.windows)
