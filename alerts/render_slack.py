"""Slack: a message as Block Kit blocks, inside every limit Slack enforces."""

from __future__ import annotations

from typing import Any

from alerts.message import Event, Finding, Message, Severity
from alerts.render_phrases import chance, evidence, headline, left_out, measured, one_line, paragraphs
from alerts.render_text import render_text

# What Slack refuses with `invalid_blocks` when exceeded (Block Kit reference), in characters.
HEADER_LIMIT = 150
SECTION_LIMIT = 3000
FIELD_LIMIT = 2000
FALLBACK_LIMIT = 4000  # what Slack advises for `text`; it cuts at 40,000
FINDINGS = 10

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_ICONS = {Severity.CRITICAL: "🔴", Severity.WARNING: "🟠", Severity.INFO: "🔵"}

Block = dict[str, Any]  # JSON as Slack takes it


def render_blocks(message: Message) -> list[Block]:
    """Return the message as Block Kit blocks: what was done about trading comes right below the title.

    At most the ten worst findings are listed and the rest is counted. Everything from outside is
    escaped, so that a feature called `<!channel>` wakes nobody.
    """
    blocks = [_header(message)]
    if done := mrkdwn(message.done, SECTION_LIMIT - 2):
        blocks.append(_section(f"*{done}*"))
    if message.findings:
        blocks.append(_worst(message))
    if len(message.findings) > 1:
        blocks.append(_section(_others(message)))
    if runbook := mrkdwn("\n".join(paragraphs(message.runbook)), SECTION_LIMIT - 20):
        blocks.append(_section(f"*What to do*\n{runbook}"))
    blocks.append(_footer(message))
    return blocks


def render_fallback(message: Message) -> str:
    """Return the text Slack shows in notifications and where it cannot show blocks, escaped."""
    return mrkdwn(render_text(message, findings=FINDINGS), FALLBACK_LIMIT)


def mrkdwn(text: str, limit: int) -> str:
    """Return the text escaped for Slack, at most `limit` characters *after* escaping.

    An entity is never cut in half. Line feeds stay.
    """
    pieces: list[str] = []
    length = 0
    for char in text.strip():
        piece = _ENTITIES.get(char, char)
        if length + len(piece) > limit:
            while pieces and length > limit - 1:
                length -= len(pieces.pop())
            return "".join(pieces) + "…"
        pieces.append(piece)
        length += len(piece)
    return "".join(pieces)


def _header(message: Message) -> Block:
    icon = "🟢" if message.event is Event.RESOLVED else _ICONS[message.severity]
    # Plain text is not escaped: Slack shows it literally.
    text = one_line(f"{icon} {headline(message)}", HEADER_LIMIT)
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": True}}


def _section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _worst(message: Message) -> Block:
    worst = message.findings[0]
    facts = {
        "Finding" if len(message.findings) == 1 else "Worst finding": _code(worst.subject),
        "Measured": _field(measured(worst)),
        "Since": _field(worst.since),
        "Samples": f"{worst.samples:,}",
        "How likely by chance": _field(chance(worst)),
        "Session": _field(message.session),
    }
    fields = [{"type": "mrkdwn", "text": f"*{name}*\n{fact}"} for name, fact in facts.items()]
    return {"type": "section", "fields": fields}


def _others(message: Message) -> str:
    lines = ["*Other findings*"]
    # 60 characters are kept free for the line that counts the rest.
    room = SECTION_LIMIT - len(lines[0]) - 60
    shown = 1
    for finding in message.findings[1:FINDINGS]:
        line = _bullet(finding)
        if len(line) + 1 > room:
            break
        lines.append(line)
        room -= len(line) + 1
        shown += 1
    if more := left_out(message, shown):
        lines.append(f"_{more}_")
    return "\n".join(lines)


def _bullet(finding: Finding) -> str:
    fact = mrkdwn(f"{measured(finding)} · {evidence(finding)}", 400)
    return f"• {_code(finding.subject)} {fact}"


def _code(text: str) -> str:
    # In a code span `mom_21_vol_63` keeps its underscores; a back tick would end the span.
    quoted = mrkdwn(one_line(text).replace("`", "'"), 120) or "-"
    return f"`{quoted}`"


def _field(text: str) -> str:
    return mrkdwn(one_line(text), FIELD_LIMIT - 40) or "-"


def _footer(message: Message) -> Block:
    text = (
        f"Session {_field(message.session)} · group {_code(message.group)} · reference {_code(message.key)}"
    )
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text}]}
