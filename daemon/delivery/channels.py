"""The channels in force: those the configuration enables, each with the least severity it is told of."""

from __future__ import annotations

from pydantic import ValidationError

from alerts.channels import kinds
from alerts.channels.channel import Channel
from alerts.message import Severity
from daemon.configuration.config import missing_secret
from daemon.configuration.config_error import ConfigError, nearest
from daemon.configuration.settings import Settings


def channel_levels(settings: Settings) -> tuple[tuple[str, Severity], ...]:
    """Return the enabled channels by name, each with the least severity it is told of."""
    tables = ((name, settings.channels.of(name)) for name in kinds())
    return tuple((name, table.min_severity) for name, table in tables if table.enabled)


def make_channels(settings: Settings) -> tuple[tuple[Channel, Severity], ...]:
    """Build the enabled channels with the least severity each is told of."""
    return tuple((make_channel(settings, name), least) for name, least in channel_levels(settings))


def make_channel(settings: Settings, name: str) -> Channel:
    """Build one channel, whether it is enabled or not.

    Raises:
        ConfigError: There is no such channel, it lacks a secret, or its settings contradict each other.
    """
    if name not in kinds():
        raise ConfigError(f"there is no channel {name!r}{nearest(name, kinds())}")
    kind, table = kinds()[name], settings.channels.of(name)
    try:  # some settings are only looked at once the channel is wanted
        kind.settings.model_validate(table.model_dump() | {"enabled": True})
    except ValidationError as error:
        faults = "; ".join(fault["msg"].removeprefix("Value error, ") for fault in error.errors())
        raise ConfigError(f"channels.{name}: {faults}") from None
    if missing := missing_secret(settings, name):
        raise ConfigError(missing)
    own = {secret: settings.secrets[secret] for secret in kind.secrets if secret in settings.secrets}
    try:
        return kind.make(table, own)
    except ValueError as error:
        raise ConfigError(f"channels.{name}: {str(error).removeprefix(f'{name}: ')}") from None
