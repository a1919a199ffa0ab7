"""Slack's Web API: one call at a time, each ending in a reply or in an error that says what to do next."""

from __future__ import annotations

import asyncio
import copy
import logging
import math
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp
from pydantic import SecretStr
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from alerts.channels.channel import (
    ChannelRefusedError,
    DeliveryError,
    PermanentError,
    TransientError,
    UnknownOutcomeError,
)
from alerts.channels.channel_http import Progress, RedirectedError, retry_after_s
from alerts.channels.host import safe_host

API_URL: Final = "https://slack.com/api/"

Reply = dict[str, Any]  # JSON as Slack sends it

# The SDK logs requests and replies on DEBUG; this logger belongs to no tree.
_MUTE = logging.Logger("slack_sdk.muted", level=logging.CRITICAL)
_MUTE.disabled = True

# Slack answers with a word such as `invalid_auth`; anything else comes from something in between.
_WORD = re.compile(r"[a-z][a-z0-9_]{0,59}")
_SCOPES = re.compile(r"[a-z0-9_:,. ]{1,200}")

_BUSY = {"ratelimited", "rate_limited"}
_AWAY = {"service_unavailable", "team_added_to_org", "request_timeout", "method_unavailable"}
# Slack's reference says of these that some of the operation may have succeeded.
_HALF_DONE = {"internal_error", "fatal_error"}
_GATEWAY_LOST = {502, 504}

_TOKEN = "make a new bot token (OAuth & Permissions, Install to Workspace) and set FOREWARN_SLACK_BOT_TOKEN"  # noqa: S105
_FIXES: Final = {
    "invalid_auth": _TOKEN,
    "not_authed": _TOKEN,
    "token_revoked": _TOKEN,
    "token_expired": _TOKEN,
    "account_inactive": _TOKEN,
    "not_allowed_token_type": "the bot's token starts with xoxb-, the app's with xapp-",
    "channel_not_found": "set channels.slack.channel to the channel's ID (in Slack: View channel details), "
    "and invite the bot where the channel is private",
    "not_in_channel": "invite the bot: /invite @forewarn in the channel",
    "is_archived": "unarchive the channel or name another in channels.slack.channel",
    "missing_scope": "add the scope under OAuth & Permissions and install the app again",
    "no_permission": "add the missing scopes under OAuth & Permissions and install the app again",
    "restricted_action": "ask an owner of the workspace to let the app post in this channel",
    "metadata_too_large": "shorten the group's name",
}
_MESSAGE_ONLY: Final = {"metadata_too_large"}
# Words that mean this app, this token or this channel, whatever the message says.
_CHANNEL_WORDS: Final = (_FIXES.keys() - _MESSAGE_ONLY) | {
    "access_denied",
    "ekm_access_denied",
    "enterprise_is_restricted",
    "invalid_app_id",
    "org_login_required",
    "posting_to_general_channel_denied",
    "team_access_not_granted",
    "team_disabled",
    "two_factor_setup_required",
}
_CHANNEL_STATUSES: Final = {401, 403, 404, 405, 407, 410}


class SlackRefusedError(PermanentError):
    """Slack understood the call and refuses it.

    Attributes:
        word: Slack's own word for the reason, as `message_not_found`; "" where it gave none.
    """

    def __init__(self, text: str, word: str) -> None:
        super().__init__(text)
        self.word = word


class SlackChannelRefusedError(SlackRefusedError, ChannelRefusedError):
    """Slack refuses the app, its token or the channel, whatever the message says."""


class SlackWeb:
    """Calls Slack's methods with one token.

    Every call opens a connection of its own, and nothing that changes something is retried here; pacing and
    retries belong to delivery.

    Args:
        token: The bot's or the app's token, a secret.
        timeout_s: How long one call may take in all.
        api_url: Where the methods are; https, except on this machine.
        proxy: URL of an HTTP proxy, or None. Variables such as HTTPS_PROXY are not read.
        name: What errors call the channel.

    Raises:
        ValueError: The address is no https URL, or the time-out is not positive.
    """

    def __init__(
        self,
        token: SecretStr,
        *,
        timeout_s: float = 10.0,
        api_url: str = API_URL,
        proxy: SecretStr | None = None,
        name: str = "slack",
    ) -> None:
        if timeout_s <= 0:
            raise ValueError(f"{name}: timeout_s is {timeout_s}, it must be above 0")
        self._token = token
        self._timeout_s = timeout_s
        self._host = safe_host(api_url)
        if not self._host:
            raise ValueError(f"{name}: api_url is {api_url!r}, it must be https://HOST/api/")
        self._api_url = api_url if api_url.endswith("/") else f"{api_url}/"
        self._proxy = proxy
        self._name = name
        self._deadline = math.inf

    def __repr__(self) -> str:
        return f"SlackWeb(name={self._name!r}, host={self._host!r})"

    def until(self, deadline: float) -> SlackWeb:
        """Return a caller whose calls all end by an instant of the event loop's clock."""
        other = copy.copy(self)
        other._deadline = deadline
        return other

    async def ask(self, method: str, **params: object) -> Reply:
        """Read something. A lost reply is transient: asking again changes nothing.

        Raises:
            TransientError: No answer, `ratelimited`, or Slack's own failure.
            SlackRefusedError: Slack refuses.
        """

        async def go(client: AsyncWebClient) -> AsyncSlackResponse:
            return await client.api_call(method, http_verb="GET", params=params)

        return _fields(await self._call(method, go, repeatable=True))

    async def do(self, method: str, *, repeatable: bool = False, **body: object) -> Reply:
        """Change something.

        Args:
            method: As `chat.postMessage`.
            repeatable: Whether doing it twice is the same as once; then a lost reply is transient.
            body: The method's arguments.

        Raises:
            TransientError: Slack demonstrably did not do it, or doing it again is harmless.
            UnknownOutcomeError: The request was written and its reply was lost.
            SlackRefusedError: Slack refuses.
        """

        async def go(client: AsyncWebClient) -> AsyncSlackResponse:
            return await client.api_call(method, json=body)

        return _fields(await self._call(method, go, repeatable=repeatable))

    async def upload(self, png: bytes, *, channel: str, thread: str, title: str, alt: str) -> None:
        """Put a picture into a thread, by the three steps of an external upload.

        Raises:
            TransientError: Slack was not reached or is busy.
            UnknownOutcomeError: The reply was lost.
            SlackRefusedError: Slack refuses.
        """

        async def go(client: AsyncWebClient) -> AsyncSlackResponse:
            return await client.files_upload_v2(
                file=png, filename="chart.png", title=title, alt_txt=alt, channel=channel, thread_ts=thread
            )

        await self._call("files.upload", go, repeatable=False)

    async def scopes(self) -> frozenset[str]:
        """Return what the token may do, from the header of `auth.test`; empty where Slack does not say."""
        response = await self._call("auth.test", lambda client: client.auth_test(), repeatable=True)
        named = next((v for key, v in response.headers.items() if key.lower() == "x-oauth-scopes"), "")
        return frozenset(filter(None, named.replace(" ", "").split(",")))

    async def _call(
        self,
        method: str,
        go: Callable[[AsyncWebClient], Awaitable[AsyncSlackResponse]],
        *,
        repeatable: bool,
    ) -> AsyncSlackResponse:
        progress = Progress()
        deadline = min(self._deadline, asyncio.get_running_loop().time() + self._timeout_s)
        session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[progress.trace()])
        try:
            async with session, asyncio.timeout_at(deadline):
                return await go(self._client(session))
        except SlackApiError as error:
            # Never the error's own text, and never the error as cause: both may hold what was sent.
            raise self._refusal(method, error.response, repeatable=repeatable) from None
        except RedirectedError:
            raise ChannelRefusedError(f"{self._where(method)} redirects: this is not Slack's API") from None
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            raise self._lost(method, error, progress, repeatable=repeatable) from None
        except (SlackClientError, AttributeError):
            # The SDK trips over replies that are no JSON object, as a portal's page.
            raise self._unreadable(method, repeatable=repeatable) from None

    def _client(self, session: aiohttp.ClientSession) -> AsyncWebClient:
        client = AsyncWebClient(
            self._token.get_secret_value(),
            base_url=self._api_url,
            session=session,
            retry_handlers=[],
            logger=_MUTE,
        )
        # The SDK falls back to the environment's proxy; only the configuration decides here.
        client.proxy = self._proxy.get_secret_value() if self._proxy else None
        return client

    def _where(self, method: str) -> str:
        return f"{self._name}: {method}"

    def _lost(self, method: str, error: Exception, progress: Progress, *, repeatable: bool) -> DeliveryError:
        found = progress.lost(self._where(method), error)
        return TransientError(str(found)) if repeatable else found

    def _unreadable(self, method: str, *, repeatable: bool) -> DeliveryError:
        text = f"{self._where(method)}: the reply is not how Slack answers; is a proxy in between?"
        return TransientError(text) if repeatable else UnknownOutcomeError(text)

    def _refusal(self, method: str, response: Any, *, repeatable: bool) -> DeliveryError:  # noqa: ANN401 - two types
        status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0))
        data = getattr(response, "data", None)
        fields = data if isinstance(data, dict) else {}
        word = str(fields.get("error", ""))
        word = word if _WORD.fullmatch(word) else ""
        text = f"{self._where(method)}: Slack answered {word or status}"
        if status == 429 or word in _BUSY:
            return TransientError(text, retry_after_s=_wish_s(response.headers))
        if word in _HALF_DONE or status in _GATEWAY_LOST:
            return TransientError(text) if repeatable else UnknownOutcomeError(text)
        if status >= 500 or status == 408 or word in _AWAY:
            return TransientError(text)
        if not word and status < 400:
            return self._unreadable(method, repeatable=repeatable)
        theirs = word in _CHANNEL_WORDS or (not word and status in _CHANNEL_STATUSES)
        kind = SlackChannelRefusedError if theirs else SlackRefusedError
        return kind(f"{text}{_needed(fields)}{_fix(word)}", word)


def _fields(response: AsyncSlackResponse) -> Reply:
    return response.data if isinstance(response.data, dict) else {}


def _needed(fields: dict[str, Any]) -> str:
    needed = str(fields.get("needed", ""))
    return f" (needs {needed})" if _SCOPES.fullmatch(needed) else ""


def _fix(word: str) -> str:
    if word == "invalid_blocks":
        return "; the message breaks a rule of Block Kit, which is a fault of Forewarn"
    return f"; {_FIXES[word]}" if word in _FIXES else ""


def _wish_s(headers: Any) -> float | None:  # noqa: ANN401 - the SDK's own mapping
    """Return how long Slack asks to wait; a date, which Slack never sends, is no wish."""
    header = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return retry_after_s(header)
