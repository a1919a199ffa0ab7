"""Slack: a message as Block Kit blocks, inside every limit Slack enforces."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from alerts.button import Button, Verb, verbs_for
from alerts.message import Event, Finding, Message, Severity
from alerts.reason import Reason
from alerts.render_phrases import (
    Section,
    chance,
    count,
    evidence,
    headline,
    label,
    left_out,
    measured,
    one_line,
    paragraphs,
    sections,
    told_at,
    trading,
    why,
)
from alerts.render_text import render_text

# What Slack refuses with `invalid_blocks` when exceeded (Block Kit reference), in characters.
HEADER_LIMIT = 150
SECTION_LIMIT = 3000
FIELD_LIMIT = 2000
FALLBACK_LIMIT = 4000  # what Slack advises for `text`; it cuts at 40,000
FINDINGS = 10
NAMED_SECTIONS = 20  # of the 50 blocks a message may have; a digest's 20 alerts take as many

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_ICONS = {Severity.CRITICAL: "🔴", Severity.WARNING: "🟠", Severity.INFO: "🔵"}

ACTION_PREFIX: Final = "forewarn_"
"""What the action of every button begins with; the verb follows."""

_BUTTONS: Final = {
    Verb.ACKNOWLEDGE: ("Acknowledge", None),
    Verb.SILENCE: ("Silence 1 h", None),
    Verb.PAUSE: ("Pause trading", "danger"),
    Verb.RESUME: ("Resume trading", "primary"),
}
_CONFIRM: Final = {
    Verb.PAUSE: (
        "Pause trading?",
        "Only orders that shrink the exposure will pass, until a person resumes. Open orders that enlarge it "
        "are cancelled.",
        "Pause",
    ),
    Verb.RESUME: (
        "Resume trading?",
        "The pause is lifted. The next session that is judged opens the gate, if no rule objects.",
        "Resume",
    ),
}
_COUNTED: Final = {
    Event.FIRING: "firing",
    Event.REMINDER: "firing",
    Event.RESOLVED: "resolved",
    Event.NO_DATA: "without data",
}

_SINCE: Final = {Event.RESOLVED: "Had been past it since", Event.NO_DATA: "Without data since"}

Block = dict[str, Any]  # JSON as Slack takes it


def render_blocks(message: Message, *, drawn_at: datetime | None = None) -> list[Block]:
    """Return the message as Block Kit blocks: what was done about trading comes right below the title.

    At most the ten worst findings are listed and the rest is counted. Everything from outside is
    escaped, so that a feature called `<!channel>` wakes nobody.

    Args:
        message: What to tell.
        drawn_at: Draw the buttons, as of this instant (aware UTC); None draws none.
    """
    blocks = [_header(message)]
    if done := mrkdwn(trading(message), SECTION_LIMIT - 2):
        blocks.append(_section(f"*{done}*"))
    if message.event is Event.DIGEST:
        for section in sections(message, FINDINGS):
            blocks += map(_section, _named(section) if section.lines else [_listed(section)])
    elif message.findings:
        blocks.append(_worst(message))
        if count(message) > 1:
            blocks.append(_section(_others(message)))
    if runbook := mrkdwn("\n".join(paragraphs(message.runbook)), SECTION_LIMIT - 20):
        blocks.append(_section(f"*What to do*\n{runbook}"))
    if drawn_at is not None and (verbs := verbs_for(message)):
        blocks.append(_actions(message, verbs, drawn_at))
    blocks.append(_footer(message))
    return blocks


def render_reply(message: Message) -> str:
    """Return the message's line in the timeline, the thread below the living message, escaped."""
    parts = [f"*{mrkdwn(_status(message), 100)}*"]
    if reason := _reason(message):
        parts.append(mrkdwn(reason, 200))
    if message.findings:
        worst = message.findings[0]
        parts.append(f"{_code(worst.subject)} {mrkdwn(measured(worst), 200)}")
    if done := mrkdwn(trading(message), 600):
        parts.append(done)
    return f"{_icon(message)} {' · '.join(parts)}"


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
    tail = f" · {several}" if (several := _several(message)) else ""
    # Plain text is not escaped: Slack shows it literally.
    text = f"{_icon(message)} {headline(message, HEADER_LIMIT - len(tail) - 2)}{tail}"
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": True}}


def _icon(message: Message) -> str:
    return "🟢" if message.event is Event.RESOLVED else _ICONS[message.severity]


def _several(message: Message) -> str:
    """Return how many alerts the message is about, as `3 firing`; "" for one, or where none is counted."""
    state = _COUNTED.get(message.event, "")
    return f"{count(message):,} {state}" if state and count(message) > 1 else ""


def _status(message: Message) -> str:
    return _several(message) or _COUNTED.get(message.event, label(message)).capitalize()


def _reason(message: Message) -> str:
    """Return why people are told now, as a clause; "" where the message does not say."""
    try:
        return Reason(message.reason).words
    except ValueError:
        return ""


def _actions(message: Message, verbs: tuple[Verb, ...], drawn_at: datetime) -> Block:
    return {"type": "actions", "elements": [_button(message, verb, drawn_at) for verb in verbs]}


def _button(message: Message, verb: Verb, drawn_at: datetime) -> Block:
    text, style = _BUTTONS[verb]
    epoch = message.trading.epoch if message.trading else None
    button = {
        "type": "button",
        "action_id": f"{ACTION_PREFIX}{verb}",
        "text": _plain(text),
        "value": Button(verb, message.group, message.episode, epoch, drawn_at, message.key).write(),
    }
    if style:
        button["style"] = style
    if verb in _CONFIRM:
        title, question, yes = _CONFIRM[verb]
        button["confirm"] = {
            "title": _plain(title),
            "text": _plain(question),
            "confirm": _plain(yes),
            "deny": _plain("Cancel"),
        }
    return button


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def _section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _worst(message: Message) -> Block:
    worst, blind = message.findings[0], message.event is Event.NO_DATA
    facts = {
        "Finding" if count(message) == 1 else "Worst finding": _code(worst.subject),
        "Last known" if blind else "Measured": _field(measured(worst)),
        _SINCE.get(message.event, "Since"): _field(worst.since),
        "Samples": f"{worst.samples:,}",
        "How likely by chance": "" if blind else _field(chance(worst)),
        "Session": _field(message.session),
    }
    fields = [{"type": "mrkdwn", "text": f"*{name}*\n{fact}"} for name, fact in facts.items() if fact]
    return {"type": "section", "fields": fields}


def _others(message: Message) -> str:
    lines = _bullets(message.findings[1:FINDINGS])
    more = mrkdwn(left_out(message, 1 + len(lines)), 250)
    return "\n".join(["*Other findings*", *lines, *([f"_{more}_"] if more else [])])


def _listed(section: Section) -> str:
    """Return one alert of a digest with its findings."""
    head = [f"*{mrkdwn(section.heading, 200)}*"] if section.heading else []
    lines = _bullets(section.findings)
    more = section.more if len(lines) == len(section.findings) else "and more, none of them worse"
    return "\n".join([*head, *lines, *([f"_{more}_"] if more else [])])


def _named(section: Section) -> list[str]:
    """Return alerts of which only the names are told, in as many sections as they fill."""
    pages, page = [], f"*{mrkdwn(section.heading, 200)}*"
    for place, line in enumerate(section.lines):
        bullet = f"• {mrkdwn(line, 300)}"
        if len(page) + len(bullet) + 1 > SECTION_LIMIT:
            pages.append(page)
            if len(pages) == NAMED_SECTIONS:
                left = len(section.lines) - place
                return [*pages, f"_and {left:,} more critical ones; all that fires: forewarn alerts list_"]
            page = bullet
        else:
            page = f"{page}\n{bullet}"
    return [*pages, page]


def _bullets(findings: Iterable[Finding]) -> list[str]:
    """Return as many of the findings as fit into one section beside its heading and what counts the rest."""
    lines: list[str] = []
    room = SECTION_LIMIT - 300
    for finding in findings:
        line = _bullet(finding)
        room -= len(line) + 1
        if room < 0:
            break
        lines.append(line)
    return lines


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
    told = f"told {at}" if (at := told_at(message)) else ""
    facts = [f"Session {_field(message.session)}", told, f"group {_code(message.group)}"]
    place = " · ".join(filter(None, [*facts, f"reference {_code(message.key)}"]))
    text = f"{mrkdwn(why(message), 300)} {place}".strip()
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text}]}
