"""The kind of a channel: all that the rest of Forewarn must know to configure one and make it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr

from alerts.channels.channel import Channel
from alerts.message import Severity

LONGEST_TIMEOUT_S: Final = 3600.0
"""Seconds a channel may be told to wait for one message at the most."""


class ChannelSection(BaseModel):
    """The table `[channels.NAME]` of the configuration; a channel adds its own keys.

    A validator's `ValueError` becomes an error of the configuration that names the file and the table, so its
    text names the key, the value and the fix. No field holds a secret.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    enabled: bool = False
    min_severity: Severity = Severity.WARNING

    def secrets_needed(self) -> Mapping[str, str]:
        """Return the secrets without which the enabled channel cannot work, each with why.

        The reason completes `channels.NAME ...`, as `is enabled` or `has a username`.
        """
        return {}


S = TypeVar("S", bound=ChannelSection)


@dataclass(frozen=True, slots=True)
class ChannelKind(Generic[S]):
    """What a channel's file declares as `KIND`.

    Attributes:
        name: Its table `[channels.NAME]`, and its name in the outbox, the log and the command line.
        settings: The keys of that table, each with a default.
        make: Builds the channel from its settings and those of its secrets that are set. It opens no
            connection. What is slow to import is imported here, not by the file.
        secrets: Its secrets. The secret `smtp_password` comes from the environment, as
            `FOREWARN_SMTP_PASSWORD`, or from the file that `FOREWARN_SMTP_PASSWORD_FILE` names.
    """

    name: str
    settings: type[S]
    make: Callable[[S, Mapping[str, SecretStr]], Channel]
    secrets: tuple[str, ...] = ()
