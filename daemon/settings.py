"""The settings: every key of the configuration, typed, with its default and its limits."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from alerts.message import Severity
from alerts.rule import Action, Rule, Side

PREFIX = "FOREWARN_"


class Section(BaseModel):
    """A table of the configuration: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DatabaseSettings(Section):
    """Where everything is kept."""

    url: str = Field("sqlite:///forewarn.db", repr=False)  # it may hold a password


class MarketSettings(Section):
    """What is watched and where its prices come from."""

    calendar: str = "XNYS"
    benchmark: str = "^GSPC"
    provider: Literal["yahoo", "file"] = "yahoo"
    prices_file: str = ""
    tickers: tuple[str, ...] = ("AAPL", "AMZN", "GOOG", "IBM", "MSFT", "NVDA", "^GSPC")
    history_sessions: int = Field(1060, ge=300)

    @model_validator(mode="after")
    def _something_to_trade(self) -> MarketSettings:
        if all(ticker.startswith("^") for ticker in self.tickers):
            raise ValueError("tickers names none to forecast; add one that does not start with ^")
        return self

    @model_validator(mode="after")
    def _file_needs_path(self) -> MarketSettings:
        if self.provider == "file" and not self.prices_file:
            raise ValueError('provider = "file" needs prices_file; name a Parquet or CSV file')
        return self


class ScheduleSettings(Section):
    """When a session is due."""

    minutes_after_close: int = Field(30, ge=0, le=600)
    check_seconds: float = Field(60.0, gt=0)
    data_deadline_minutes: int = Field(180, ge=0)


class ForecastSettings(Section):
    """How the model is fitted."""

    horizon_sessions: int = Field(5, ge=1, le=63)
    train_sessions: int = Field(756, ge=60)
    min_train_sessions: int = Field(252, ge=40)
    refit_sessions: int = Field(63, ge=1)
    penalty: float = Field(0.05, gt=0)

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
    min_confidence: float = Field(0.51, ge=0.5, le=1)
    target_volatility: float = Field(0.07, gt=0, le=1)
    max_weight: float = Field(0.20, gt=0, le=1)
    max_gross: float = Field(0.95, gt=0, le=0.99)
    max_hold_sessions: int = Field(20, ge=1)
    slippage_bp: float = Field(2.0, ge=0)
    commission_bp: float = Field(1.0, ge=0)


class MonitorSettings(Section):
    """What the monitors look at."""

    window_sessions: int = Field(20, ge=5)
    max_missing: float = Field(0.2, ge=0, le=1)


class ReplaySettings(Section):
    """How history is replayed."""

    operator_sessions: int = Field(20, ge=1)


class ServerSettings(Section):
    """Where the status page is served."""

    host: str = "127.0.0.1"
    port: int = Field(8087, ge=0, le=65535)


class ExecutorSettings(Section):
    """Where computing happens."""

    kind: Literal["process", "thread", "inline"] = "process"
    workers: int = Field(1, ge=1, le=64)


class ConsoleSettings(Section):
    """The terminal."""

    enabled: bool = True
    min_severity: Severity = Severity.WARNING


class SlackSettings(Section):
    """Slack's incoming webhook."""

    enabled: bool = False
    min_severity: Severity = Severity.WARNING
    timeout_seconds: float = Field(10.0, gt=0)


class EmailSettings(Section):
    """E-mail over SMTP."""

    enabled: bool = False
    min_severity: Severity = Severity.WARNING
    host: str = "localhost"
    port: int = Field(587, ge=1, le=65535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    sender: str = "forewarn@localhost"
    recipients: tuple[str, ...] = ()
    timeout_seconds: float = Field(30.0, gt=0)

    @model_validator(mode="after")
    def _has_recipients(self) -> EmailSettings:
        if self.enabled and not self.recipients:
            raise ValueError("recipients is empty; name at least one address")
        return self


class ChannelSettings(Section):
    """Where alerts are told."""

    console: ConsoleSettings = ConsoleSettings()
    slack: SlackSettings = SlackSettings()
    email: EmailSettings = EmailSettings()


class DeliverySettings(Section):
    """How messages are sent again."""

    lease_seconds: float = Field(120.0, gt=0)
    retry_seconds: float = Field(30.0, gt=0)
    max_attempts: int = Field(20, ge=1)


class RuleSettings(Section):
    """One rule as written in the configuration; `enabled = false` removes it."""

    enabled: bool = True
    metric: str
    summary: str
    subject: str = "*"
    side: Side = Side.ABOVE
    threshold: float | None = None
    own_limit: bool = False
    clear: float | None = None
    max_p_value: float | None = Field(None, gt=0, le=1)
    min_e_value: float | None = Field(None, gt=0)
    for_sessions: int = Field(1, ge=1)
    dwell_sessions: int = Field(0, ge=0)
    severity: Severity = Severity.WARNING
    action: Action = Action.NOTIFY
    confirmed_by: tuple[str, ...] = ()
    runbook: str = ""
    false_alarms: str = ""


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
    rules: dict[str, RuleSettings] = Field(default_factory=dict)
    slack_webhook_url: SecretStr | None = None
    smtp_password: SecretStr | None = None

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
        return tuple(
            Rule(name=name, **rule.model_dump(exclude={"enabled"}))
            for name, rule in sorted(self.rules.items())
            if rule.enabled
        )
