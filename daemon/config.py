"""The configuration: `config.toml`, environment and secrets, read once at the edge into typed settings."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from alerts.alert import in_order
from alerts.message import Severity
from alerts.rule import Action, Rule, Side
from daemon.default_rules import DEFAULT_RULES

PREFIX = "FOREWARN_"
SECRETS = {"slack_webhook_url": "channels.slack", "smtp_password": "channels.email"}
HIDDEN = {
    *((name,) for name in ("database", "channels", *SECRETS)),
    *(("channels", name) for name in ("slack", "email")),
    ("database", "url"),
}
"""Settings whose value no error repeats: it may be or hold a secret."""


class ConfigError(Exception):
    """The configuration cannot be used; the text names the key, the value and the fix."""


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


def load_settings(path: Path | None = None) -> Settings:
    """Read the configuration.

    Args:
        path: A TOML file; None takes the defaults and the environment alone.

    Raises:
        ConfigError: The file is missing or not TOML, a key is unknown, a value is out of its limits, a rule
            names a rule that does not exist, or a channel is enabled without its secret.
    """
    written = _read_toml(path) if path else {}
    where = str(path) if path else "the environment"
    overrides = _check_environment()
    if path and overrides:
        where = f"{path} or the environment ({', '.join(overrides)})"
    for secret, section in SECRETS.items():
        if secret in written:
            raise ConfigError(
                f"{where}: {secret} is a secret ({section}); set {PREFIX}{secret.upper()} instead"
            )
    written["rules"] = _merge_rules(written.get("rules", {}), where)
    try:
        settings = Settings.model_validate({**written, **_secret_files()})
        rules = settings.rule_set()
    except ValidationError as error:
        raise ConfigError(_explain(error, where)) from None
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None
    _check_confirmations(rules, where)
    _check_secrets(settings)
    return settings


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: there is no such file; name one with --config, or run without it"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None


def _merge_rules(written: Mapping[str, Any], where: str) -> dict[str, Any]:
    if not isinstance(written, Mapping) or not all(isinstance(rule, Mapping) for rule in written.values()):
        raise ConfigError(f"{where}: rules must be tables, as [rules.my_rule]")
    merged: dict[str, Any] = {name: dict(rule) for name, rule in DEFAULT_RULES.items()}
    for name, rule in written.items():
        merged[name] = {**merged.get(name, {}), **rule}
    return merged


def _secret_files() -> dict[str, str]:
    """Read secrets that the environment names by file (`FOREWARN_..._FILE`)."""
    found = {}
    for secret in SECRETS:
        variable = f"{PREFIX}{secret.upper()}_FILE"
        if (name := os.environ.get(variable)) is not None:
            try:
                found[secret] = Path(name).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise ConfigError(f"{variable}: cannot read {name}: {error.strerror}") from None
            except UnicodeDecodeError:
                raise ConfigError(f"{variable}: {name} is not UTF-8 text; write the secret alone") from None
    return found


def _check_environment() -> list[str]:
    """Return the variables that override settings; a misspelt one is an error, not silence."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    found = [name for name in sorted(os.environ) if name.startswith(PREFIX)]
    for name in found:
        if name.removesuffix("_FILE").split("__")[0] not in known:
            raise ConfigError(f"the environment: unknown variable {name}{_nearest(name, known)}")
    return found


def _check_confirmations(rules: tuple[Rule, ...], where: str) -> None:
    names = {rule.name for rule in rules}
    try:
        in_order(rules)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None
    for rule in rules:
        for other in rule.confirmed_by:
            if other not in names:
                raise ConfigError(
                    f"{where}: rules.{rule.name}.confirmed_by names {other!r}, which is no rule in force"
                    f"{_nearest(other, names)}"
                )


def _check_secrets(settings: Settings) -> None:
    if settings.channels.slack.enabled and not settings.slack_webhook_url:
        raise ConfigError(
            f"channels.slack is enabled but its secret is missing: set {PREFIX}SLACK_WEBHOOK_URL "
            f"(or {PREFIX}SLACK_WEBHOOK_URL_FILE), or set channels.slack.enabled = false"
        )
    if settings.channels.email.enabled and settings.channels.email.username and not settings.smtp_password:
        raise ConfigError(
            f"channels.email has a username but its secret is missing: set {PREFIX}SMTP_PASSWORD "
            f"(or {PREFIX}SMTP_PASSWORD_FILE), or leave username empty"
        )


def _explain(error: ValidationError, where: str) -> str:
    lines = []
    for problem in error.errors(include_url=False):
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            near = _nearest(str(problem["loc"][-1]), _known_keys(problem["loc"][:-1]))
            lines.append(f"{where}: unknown key {key!r}{near}")
        elif problem["type"] == "missing":
            near = _nearest(str(problem["loc"][1]), set(DEFAULT_RULES)) if key.startswith("rules.") else ""
            lines.append(f"{where}: {key} is missing{near}")
        else:
            secret = problem["loc"] in HIDDEN or isinstance(problem["input"], dict)
            value = "" if secret else f" = {problem['input']!r}"
            text = problem["msg"].removeprefix("Value error, ")
            lines.append(f"{where}: {key}{value}: {text[0].lower()}{text[1:]}")
    return "\n".join(lines)


def _known_keys(location: tuple[int | str, ...]) -> set[str]:
    model: Any = Settings
    for part in location:
        if isinstance(model, type) and issubclass(model, BaseModel) and part in model.model_fields:
            model = model.model_fields[str(part)].annotation
        else:
            model = RuleSettings
    return set(model.model_fields) if hasattr(model, "model_fields") else set()


def _nearest(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(sorted(known))}"
