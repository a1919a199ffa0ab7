"""The configuration: `config.toml`, environment and secrets, read once at the edge into typed settings."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from alerts.channels import kinds
from daemon.configuration.alert_checks import problems
from daemon.configuration.config_error import SECRETS, ConfigError, explain, nearest
from daemon.configuration.default_rules import DEFAULT_RULES
from daemon.configuration.provider_settings import TOKENS
from daemon.configuration.settings import PREFIX, Settings


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
    _refuse_written_secrets(written, where)
    written["rules"] = _merge_rules(written.get("rules", {}), where)
    try:
        settings = Settings.model_validate({**written, "secrets": _read_secrets()})
        settings.rule_set()
    except ValidationError as error:
        raise ConfigError(explain(error, where)) from None
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None
    _check_rules(settings, where)
    _check_secrets(settings, where)
    return settings


def missing_secret(settings: Settings, channel: str) -> str:
    """Return what the channel lacks to work and the ways out, or "" where it has all its secrets."""
    for secret, why in settings.channels.of(channel).secrets_needed().items():
        if secret not in settings.secrets:
            variable = f"{PREFIX}{secret.upper()}"
            return f"channels.{channel} {why} but its secret is missing: set {variable} (or {variable}_FILE)"
    return ""


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


def _refuse_written_secrets(written: Mapping[str, Any], where: str) -> None:
    for secret, section in SECRETS.items():
        outer, _, inner = section.partition(".")
        tables = written.get(outer, {})
        own = tables.get(inner) if isinstance(tables, Mapping) else None
        if secret in written or (isinstance(own, Mapping) and secret in own):
            raise ConfigError(
                f"{where}: {secret} is a secret ({section}); set {PREFIX}{secret.upper()} instead"
            )
    if "secrets" in written:
        raise ConfigError(f"{where}: secrets are never written here; set {PREFIX}NAME or {PREFIX}NAME_FILE")


def _read_secrets() -> dict[str, SecretStr]:
    """Read the secrets that are set: `FOREWARN_NAME`, or a file that `FOREWARN_NAME_FILE` names."""
    found = {}
    for secret in SECRETS:
        variable = f"{PREFIX}{secret.upper()}"
        plain, file = os.environ.get(variable), os.environ.get(f"{variable}_FILE")
        if plain is not None and file is not None:
            raise ConfigError(f"the environment: {variable} and {variable}_FILE are both set; unset one")
        text = _read_secret_file(f"{variable}_FILE", file) if file is not None else (plain or "").strip()
        if text:
            found[secret] = SecretStr(text)
    return found


def _read_secret_file(variable: str, name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{variable}: cannot read {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{variable}: {name} is not UTF-8 text; write the secret alone") from None


def _check_environment() -> list[str]:
    """Return the variables that override settings; a misspelt one is an error, not silence."""
    names = {*Settings.model_fields, *SECRETS} - {"secrets"}
    known = {f"{PREFIX}{name.upper()}" for name in names}
    found = [name for name in sorted(os.environ) if name.startswith(PREFIX)]
    for name in found:
        if name.removesuffix("_FILE").split("__")[0] not in known:
            raise ConfigError(f"the environment: unknown variable {name}{nearest(name, known)}")
    return found


def _check_rules(settings: Settings, where: str) -> None:
    found = [f"{where}: {problem}" for problem in problems(settings)]
    if found:
        raise ConfigError("\n".join(found))


def _check_secrets(settings: Settings, where: str) -> None:
    for name in kinds():
        if settings.channels.of(name).enabled and (missing := missing_secret(settings, name)):
            raise ConfigError(f"{where}: {missing}, or set channels.{name}.enabled = false")
    for provider in (settings.market.provider, *settings.market.fallback, settings.market.minutes):
        secret = TOKENS.get(provider)
        if secret and secret not in settings.secrets:
            variable = f"{PREFIX}{secret.upper()}"
            raise ConfigError(
                f"{where}: market asks {provider} but its secret is missing: set {variable} "
                f"(or {variable}_FILE), or name another provider"
            )
