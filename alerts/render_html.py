"""HTML: a message as a mail that every reader shows alike, wide or narrow.

Mail readers drop style sheets, scripts and outside resources, so the layout is nested tables with
inline styles, 600 pixels wide at most and fluid below that. A finding is two short lines rather than
a row of six columns, so it fits a phone without a media query.
"""

from __future__ import annotations

import re
from html import escape
from typing import NamedTuple

from alerts.message import Event, Finding, Message, Severity
from alerts.render_phrases import (
    Section,
    evidence,
    headline,
    is_number,
    label,
    one_line,
    paragraphs,
    sections,
    story,
    told_at,
    trading,
    value,
    why,
)

FINDINGS = 50  # listed at most; a mail above 100 kB is cut by some readers

_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_TABLE = 'role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"'
_INK, _GREY, _LINE = "#1c2430", "#5d6878", "#e3e7ec"
_SMALL = f"font-size:13px;line-height:1.4;color:{_GREY};{_FONT}"


class _Palette(NamedTuple):
    strong: str  # text and rule, at least 4.5:1 on white and on `tint`
    tint: str  # background of what was done


_GREEN = _Palette("#146c43", "#eaf6ef")
_SLATE = _Palette("#46505e", "#eef1f4")
_PALETTES = {
    Severity.CRITICAL: _Palette("#b3261e", "#fcefee"),
    Severity.WARNING: _Palette("#8f4e00", "#fdf4e7"),
    Severity.INFO: _Palette("#1d5fa8", "#ecf3fb"),
}


def render_html(message: Message, *, chart: str = "") -> str:
    """Return the message as a complete HTML document; everything from outside is escaped.

    Args:
        message: What to say.
        chart: Where the chart's picture is (`cid:...` inside a mail), or "" for none.
    """
    palette = _palette(message)
    told = " ".join(filter(None, (story(message), why(message))))
    rows = [
        _kicker(message, palette),
        _title(message),
        _done(message, palette),
        _prose(told),
        _chart(message, chart),
        _findings(message),
        _runbook(message),
        _footer(message),
    ]
    return _page(
        title=escape(headline(message)),
        preview=escape(" ".join(filter(None, (trading(message), told)))),
        strip=palette.strong,
        rows="\n".join(filter(None, rows)),
    )


def _palette(message: Message) -> _Palette:
    match message.event:
        case Event.RESOLVED:
            return _GREEN
        case Event.TEST | Event.DIGEST:
            return _SLATE
        case _:
            return _PALETTES[message.severity]


def _page(*, title: str, preview: str, strip: str, rows: str) -> str:
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light">
<title>{title}</title>
</head>
<body style="margin:0;padding:0;background:#f2f4f7;{_FONT};color:{_INK}">
<div style="display:none;max-height:0;overflow:hidden">{preview}</div>
<table {_TABLE} style="background:#f2f4f7"><tr><td align="center" style="padding:24px 12px">
<table {_TABLE} style="max-width:600px;background:#ffffff;border:1px solid {_LINE};border-radius:8px;\
border-top:5px solid {strip};text-align:left">
{rows}
</table>
</td></tr></table>
</body>
</html>
"""


def _row(content: str, padding: str) -> str:
    return f'<tr><td style="padding:{padding};{_FONT}">{content}</td></tr>'


def _kicker(message: Message, palette: _Palette) -> str:
    style = f"font-size:13px;font-weight:bold;letter-spacing:.04em;color:{palette.strong}"
    session = f" · session {escape(one_line(message.session))}"
    day = f'<span style="font-weight:normal;color:{_GREY}">{session}</span>'
    return _row(f'<span style="{style}">{label(message).upper()}{day}</span>', "22px 28px 0")


def _title(message: Message) -> str:
    style = "margin:6px 0 0;font-size:22px;line-height:1.3;font-weight:600;overflow-wrap:anywhere"
    return _row(f'<h1 style="{style}">{escape(one_line(message.title))}</h1>', "0 28px")


def _done(message: Message, palette: _Palette) -> str:
    if not (done := trading(message)):
        return ""
    style = (
        f"padding:12px 16px;background:{palette.tint};border-left:4px solid {palette.strong};"
        f"font-size:16px;line-height:1.4;font-weight:600;color:{palette.strong};{_FONT}"
    )
    return _row(f'<table {_TABLE}><tr><td style="{style}">{escape(done)}</td></tr></table>', "18px 28px 0")


def _prose(text: str) -> str:
    if not text:
        return ""
    style = "margin:0;font-size:15px;line-height:1.55;overflow-wrap:anywhere"
    return _row(f'<p style="{style}">{_whole_dates(text)}</p>', "18px 28px 0")


def _whole_dates(text: str) -> str:
    """Return the text escaped, with dates that no line break cuts."""
    return _DATE.sub(r'<span style="white-space:nowrap">\g<0></span>', escape(text))


def _chart(message: Message, source: str) -> str:
    if not source or message.curve is None:
        return ""
    text = escape(f"{one_line(message.curve.label, 80)} over {len(message.curve.sessions)} sessions")
    style = f"display:block;width:100%;max-width:544px;height:auto;border:0;{_SMALL}"
    picture = f'<img src="{escape(source)}" width="544" alt="{text}" style="{style}">'
    return _row(picture, "18px 28px 0")


def _findings(message: Message) -> str:
    lines = "".join(map(_section, sections(message, FINDINGS)))
    if not lines:
        return ""
    return _row(f'<table {_TABLE} style="border-bottom:1px solid {_LINE}">{lines}</table>', "18px 28px 0")


def _section(section: Section) -> str:
    heading, more = escape(section.heading), escape(section.more)
    style = (
        f"padding:18px 0 8px;font-size:15px;line-height:1.4;font-weight:700;overflow-wrap:anywhere;{_FONT}"
    )
    lines = f'<tr><td colspan="2" style="{style}">{heading}</td></tr>' if heading else ""
    lines += "".join(map(_finding, section.findings))
    if section.lines:
        names = "<br>".join(map(escape, section.lines))
        named = f"padding:0 0 8px;{_SMALL};overflow-wrap:anywhere"
        lines += f'<tr><td colspan="2" style="{named}">{names}</td></tr>'
    return lines + (f'<tr><td colspan="2" style="padding:10px 0;{_SMALL}">{more}</td></tr>' if more else "")


def _finding(finding: Finding) -> str:
    top = f"padding:10px 0 1px;border-top:1px solid {_LINE};font-size:15px;line-height:1.4;{_FONT}"
    subject, amount, limit = (escape(one_line(t)) for t in (finding.subject, value(finding), finding.limit))
    against = f' <span style="color:{_GREY};font-size:13px">limit&nbsp;{limit}</span>' if limit else ""
    name = f"{top};font-weight:600;overflow-wrap:anywhere"
    below = _whole_dates(evidence(finding))
    if is_number(finding):
        cells = (
            f'<td style="{name}">{subject}</td>'
            f'<td align="right" style="{top};padding-left:16px"><b>{amount}</b>{against}</td>'
        )
    else:  # words, as of a gate that moved, read better below the name
        cells = f'<td colspan="2" style="{name}">{subject}</td>'
        below = " · ".join(part for part in (amount, below) if part)
    return (
        f"<tr>{cells}</tr>"
        f'<tr><td colspan="2" style="padding:0 0 10px;{_SMALL};overflow-wrap:anywhere">{below}</td></tr>'
    )


def _runbook(message: Message) -> str:
    lines = "".join(
        f'<p style="margin:6px 0 0;font-size:15px;line-height:1.55;overflow-wrap:anywhere">{escape(line)}</p>'
        for line in paragraphs(message.runbook)
    )
    if not lines:
        return ""
    return _row(f'<h2 style="margin:0;font-size:15px;line-height:1.4">What to do</h2>{lines}', "22px 28px 0")


def _footer(message: Message) -> str:
    group, key = escape(one_line(message.group)), escape(one_line(message.key))
    at = f" · {told}" if (told := told_at(message)) else ""
    style = f"margin:0;font-size:12px;line-height:1.5;color:{_GREY};overflow-wrap:anywhere"
    text = f"Sent by Forewarn{at} · group {group} · reference {key}"
    return _row(f'<p style="{style}">{text}</p>', "22px 28px 24px")
