"""E-mail: a message as a MIME document whose identity depends on the message alone."""

from __future__ import annotations

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
# 7-bit transport needs no extension of the server; the text is encoded as quoted-printable or base64.
_POLICY = SMTP.clone(cte_type="7bit")


def message_id(key: str, *, domain: str) -> str:
    """Return the Message-ID of the delivery unit `key`: the same for every attempt to send it.

    A mail server or reader that sees the second copy of a message whose reply was lost can then
    recognise it.
    """
    return f"<{_digest(key)}@{domain}>"


def thread_id(group: str, *, domain: str) -> str:
    """Return the identifier of the thread of a group: a root that need not exist as a mail."""
    return f"<group.{_digest(group)}@{domain}>"


def render_email(
    message: Message, *, sender: str, recipients: Sequence[str], domain: str, sent_at: datetime
) -> EmailMessage:
    """Return the mail: headers, plain text and HTML, pure ASCII on the wire.

    Args:
        message: What to say.
        sender: Address of the sender.
        recipients: Addresses for `To`.
        domain: The right-hand side of the Message-ID, a host name the operator owns.
        sent_at: Aware instant for `Date`.
    """
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = Address(display_name="Forewarn", addr_spec=sender)
    mail["To"] = [Address(addr_spec=recipient) for recipient in recipients]
    mail["Subject"] = f"[Forewarn] {headline(message, _SUBJECT_LIMIT)}"
    mail["Date"] = format_datetime(sent_at)
    mail["Message-ID"] = message_id(message.key, domain=domain)
    # Every mail of a group answers the same root, so a reader shows the group as one thread.
    mail["In-Reply-To"] = thread_id(message.group, domain=domain)
    mail["References"] = thread_id(message.group, domain=domain)
    mail["Auto-Submitted"] = "auto-generated"
    if message.severity is Severity.CRITICAL:
        mail["Importance"] = "high"
    mail.set_content(render_text(message))
    mail.add_alternative(render_html(message), subtype="html")
    mail.set_boundary(f"=_{_digest(message.key)[:40]}")
    return mail


def _digest(text: str) -> str:
    return sha256(text.encode(errors="backslashreplace")).hexdigest()
