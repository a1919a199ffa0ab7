"""E-mail: a message as a MIME document whose identity depends on the message alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256

from alerts.message import Message, Severity
from alerts.render_html import render_html
from alerts.render_phrases import headline
from alerts.render_text import render_text

_SUBJECT_LIMIT = 180
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,200}@[A-Za-z0-9.\-\[\]:]{1,255}>")
# 7-bit transport needs no extension of the server; the text is encoded as quoted-printable or base64.
_POLICY = SMTP.clone(cte_type="7bit")


def message_id(message: Message, *, domain: str) -> str:
    """Return the Message-ID of a message: the same for every attempt to send it.

    A mail server or reader that sees the second copy of a message whose reply was lost can then recognise
    it. The instant counts beside the key, so that a new store, which numbers its messages from 1 again, is
    not taken for a copy of the old one.
    """
    return f"<{_digest(message.identity, message.at)}@{domain}>"


def thread_id(message: Message, *, domain: str) -> str:
    """Return the identifier of the thread of a group's episode: a root that need not exist as a mail."""
    own = (message.store,) if message.store else ()
    return f"<thread.{_digest(*own, message.group, message.episode)}@{domain}>"


def render_email(
    message: Message,
    *,
    sender: str,
    recipients: Sequence[str],
    domain: str,
    sent_at: datetime,
    answers: str = "",
    chart: bytes | None = None,
) -> EmailMessage:
    """Return the mail: headers, plain text, HTML and the chart inside it, pure ASCII on the wire.

    Args:
        message: What to say.
        sender: Address of the sender.
        recipients: Addresses for `To`.
        domain: The right-hand side of the Message-ID, a host name the operator owns.
        sent_at: Aware instant for `Date`.
        answers: Message-ID of the mail before it in the thread; anything that is none counts as "".
        chart: A PNG to show in the HTML, or None.
    """
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = Address(display_name="Forewarn", addr_spec=sender)
    mail["To"] = [Address(addr_spec=recipient) for recipient in recipients]
    mail["Subject"] = f"[Forewarn] {headline(message, _SUBJECT_LIMIT)}"
    mail["Date"] = format_datetime(sent_at)
    mail["Message-ID"] = message_id(message, domain=domain)
    # Every mail of an episode names the same root, so a reader shows the episode as one thread.
    root = thread_id(message, domain=domain)
    before = answers if _MESSAGE_ID.fullmatch(answers) else root
    mail["In-Reply-To"] = before
    mail["References"] = root if before == root else f"{root} {before}"
    mail["Auto-Submitted"] = "auto-generated"
    if message.severity is Severity.CRITICAL:
        mail["Importance"] = "high"
    boundary = _digest(message.key)
    mail.set_content(render_text(message))
    if chart is None:
        mail.add_alternative(render_html(message), subtype="html")
    else:
        _add_html_with_chart(mail, message, chart, cid=f"chart.{boundary[:16]}@{domain}")
    mail.set_boundary(f"=_{boundary}")
    return mail


def _add_html_with_chart(mail: EmailMessage, message: Message, chart: bytes, *, cid: str) -> None:
    mail.add_alternative(render_html(message, chart=f"cid:{cid}"), subtype="html")
    html = list(mail.iter_parts())[-1]
    assert isinstance(html, EmailMessage)  # noqa: S101 - add_alternative made it
    html.add_related(chart, "image", "png", cid=f"<{cid}>", disposition="inline", filename="chart.png")
    html.set_boundary(f"=_related_{_digest(message.key)}")


def _digest(*texts: str) -> str:
    """Return 128 bits of the texts, short enough that a header with them fits on one line."""
    return sha256("\n".join(texts).encode(errors="backslashreplace")).hexdigest()[:32]
