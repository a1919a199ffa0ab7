"""The parts the page's sections are made of: cards, chips, tables, small print."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from daemon.web.page_html import Html, element


def card(title: str, *body: str, note: str = "") -> Html:
    """Return a titled card."""
    heading = element("h2", title, *([element("span", note, class_="note")] if note else []))
    return element("section", heading, *body, class_="card")


def chip(kind: str, words: str) -> Html:
    """Return a small coloured label; the words say what the colour says."""
    return element("span", words, class_=f"chip {kind}")


def facts_list(rows: Iterable[tuple[str, str]]) -> Html:
    """Return names and values, one pair a line."""
    pairs = (element("div", element("dt", name), element("dd", value)) for name, value in rows)
    return element("dl", *pairs)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Html:
    """Return a table; on a phone each row becomes a block whose cells name their column."""
    header = element("tr", *(element("th", name, scope="col") for name in head))
    body = (
        element("tr", *(element("td", cell, data_name=name) for name, cell in zip(head, row, strict=True)))
        for row in rows
    )
    return element("table", element("thead", header), element("tbody", *body))


def fold(words: str, body: Html) -> Html:
    """Return what is shown once a visitor opens it."""
    return element("details", element("summary", words), body)


def small(text: str) -> Html:
    """Return a line of small print."""
    return element("p", text, class_="small")


def dot(text: str) -> str:
    """Return a text set off by a dot; "" for none."""
    return f" \N{MIDDLE DOT} {text}" if text else ""


def empty(text: str) -> Html:
    """Return what stands where there is nothing to show."""
    return element("p", text, class_="empty")
