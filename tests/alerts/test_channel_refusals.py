"""What a refusal is about: this one message, or the channel whatever the message says."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pydantic import SecretStr
from slack_sdk.webhook import WebhookResponse

from alerts.channels.channel import ChannelRefusedError, PermanentError, TransientError
from alerts.channels.email_smtp import _by_code
from alerts.channels.slack_web import SlackWeb
from alerts.channels.slack_webhook import SlackWebhookChannel
from alerts.channels.webhook import WebhookChannel
from tests.stand_ins.messages import FIRING
from tests.stand_ins.webhook import SECRET


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("invalid_auth", ChannelRefusedError),
        ("token_revoked", ChannelRefusedError),
        ("account_inactive", ChannelRefusedError),
        ("channel_not_found", ChannelRefusedError),
        ("not_in_channel", ChannelRefusedError),
        ("is_archived", ChannelRefusedError),
        ("missing_scope", ChannelRefusedError),
        ("invalid_blocks", PermanentError),
        ("msg_too_long", PermanentError),
        ("metadata_too_large", PermanentError),
    ],
)
def test_slacks_words(word: str, kind: type[Exception]) -> None:
    response = SimpleNamespace(status_code=200, data={"ok": False, "error": word}, headers={})
    refusal = SlackWeb(SecretStr("xoxb-1"))._refusal("chat.postMessage", response, repeatable=False)
    assert isinstance(refusal, PermanentError)
    assert isinstance(refusal, ChannelRefusedError) is (kind is ChannelRefusedError)


@pytest.mark.parametrize(
    ("status", "word", "kind"),
    [
        (403, "invalid_token", ChannelRefusedError),
        (404, "no_service", ChannelRefusedError),
        (410, "channel_is_archived", ChannelRefusedError),
        (400, "no_active_hooks", ChannelRefusedError),
        (400, "invalid_blocks", PermanentError),
        (413, "", PermanentError),
    ],
)
def test_slacks_webhook(status: int, word: str, kind: type[Exception]) -> None:
    channel = SlackWebhookChannel(url=SecretStr("https://hooks.slack.com/services/T/B/X"))
    with pytest.raises(PermanentError) as told:
        channel._judge(WebhookResponse(url="", status_code=status, body=word, headers={}))
    assert isinstance(told.value, ChannelRefusedError) is (kind is ChannelRefusedError)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, ChannelRefusedError) for status in (401, 403, 404, 410)),
        *((status, PermanentError) for status in (400, 413, 422)),
        (429, TransientError),
    ],
)
async def test_a_webhooks_codes(status: int, kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    channel = WebhookChannel(url="https://desk.example.org/hook", secret=SecretStr(SECRET))

    async def answer(*_: object) -> tuple[int, None]:
        return status, None

    monkeypatch.setattr(channel, "_ask", answer)
    with pytest.raises(kind) as told:
        await channel.send(FIRING)
    assert isinstance(told.value, ChannelRefusedError) is (kind is ChannelRefusedError)


@pytest.mark.parametrize(
    ("code", "mail", "kind"),
    [
        (535, False, ChannelRefusedError),
        (530, True, ChannelRefusedError),
        (550, False, ChannelRefusedError),
        (550, True, PermanentError),
        (552, False, PermanentError),
        (552, True, PermanentError),
        (451, True, TransientError),
    ],
)
def test_a_mail_servers_codes(code: int, mail: bool, kind: type[Exception]) -> None:
    assert type(_by_code(code, "refused", mail=mail)) is kind
