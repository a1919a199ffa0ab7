"""The configuration: `config.toml`, environment and secrets, read once at the edge into typed settings."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from alerts.alert import in_order
from alerts.rule import Rule
from daemon.default_rules import DEFAULT_RULES
from daemon.settings import PREFIX, RuleSettings, Settings

SECRETS = {"slack_webhook_url": "channels.slack", "smtp_password": "channels.email"}
HIDDEN = {
    *((name,) for name in ("database", "channels", *SECRETS)),
    *(("channels", name) for name in ("slack", "email")),
    ("database", "url"),
}
"""Settings whose value no error repeats: it may be or hold a secret."""


class ConfigError(Exception):
    """The configuration cannot be used; the text names the key, the value and the fix."""


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
