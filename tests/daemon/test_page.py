from __future__ import annotations

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rule import Action
from daemon.configuration.config import load_settings
from daemon.live.health import Health
from daemon.storage.database import Database
from daemon.summary import Pause
from daemon.web.page import STYLE_HASH, render, render_unreadable
from daemon.web.page_alerts import ACTIONS
from daemon.web.page_chart import chart, date_ticks, money_ticks
from daemon.web.page_html import Html, element, join
from daemon.web.page_words import amount, duration, evidence
from daemon.web.status import Status, read_status
from daemon.web.status_curve import EquityPoint
from monitors.reading import Evidence
from tests.daemon.status_store import DAYS, NOW, clock_at, fill, later, open_store
from trading.gate import GateState

HOSTILE = "<script>alert(1)</script>\"'&"
VOID = {"meta", "link", "br"}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    store = await open_store(f"sqlite:///{tmp_path}/page.db")
    yield store
    await store.aclose()


async def status_of(database: Database, *, late: bool = False) -> Status:
    clock = clock_at()
    health = Health(clock)
    health.stamp("delivery", within_s=60, note="sent 2 messages")
    if late:
        later(clock, 7200)
    return await read_status(database, health, clock, version="1.2.3", rules=load_settings().rule_set())


class Outline(HTMLParser):
    """Collects tags, attributes and text, and whether every tag is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        self.is_balanced = not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "body" in self._open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words).replace("\N{NO-BREAK SPACE}", " ")


async def test_the_gate_comes_first_with_its_cause(database: Database) -> None:
    await fill(database)
    outline = Outline(render(await status_of(database), refresh_s=15))
    assert outline.is_balanced
    text = outline.text
    assert (
        text.index("HALTED") < text.index("Equity, USD") < text.index("Open alerts") < text.rindex("Pauses")
    )
    assert "No order passes. Only a person lifts it." in text
    assert "since 2024-01-04 21:00 UTC" in text
    assert "rule drawdown_10pct" in text


async def test_numbers_come_with_units_and_words(database: Database) -> None:
    await fill(database)
    text = Outline(render(await status_of(database), refresh_s=15)).text
    assert "largest drawdown 25.0 %" in text
    assert "By chance 1 in 250 (p = 0.004, own windows)" in text
    assert "Usual by chance (p = 0.43, own windows)" in text
    assert "Evidence stands at 12.5 of 202 needed" in text
    assert "Too few samples yet" in text
    assert "queue_age" in text


async def test_an_empty_store_makes_a_whole_page(database: Database) -> None:
    outline = Outline(render(await status_of(database), refresh_s=15))
    assert outline.is_balanced
    for sentence in ("no session has been judged yet", "No alert fires.", "Trading has not been paused."):
        assert sentence.lower() in outline.text.lower()


async def test_a_hostile_name_stays_text(database: Database) -> None:
    await fill(database, rule=HOSTILE, ticker=HOSTILE)
    page = render(await status_of(database), refresh_s=15)
    outline = Outline(page)
    assert outline.is_balanced
    assert "script" not in outline.tags
    assert HOSTILE not in page
    assert outline.text.count("alert(1)") >= 5
    assert not [name for name, _ in outline.attributes if name.startswith("on")]


def test_every_action_of_a_rule_has_words() -> None:
    assert set(ACTIONS) == set(Action)


async def test_nothing_comes_from_elsewhere(database: Database) -> None:
    await fill(database)
    outline = Outline(render(await status_of(database), refresh_s=15))
    links = [value or "" for name, value in outline.attributes if name in {"href", "src", "action"}]
    assert links
    assert all(link.startswith(("/", "data:")) for link in links)
    assert not {"script", "iframe", "img", "form"} & set(outline.tags)
    assert not [name for name, _ in outline.attributes if name == "style"]


async def test_the_policy_admits_the_style_of_the_page(database: Database) -> None:
    page = render(await status_of(database), refresh_s=15)
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"sha256-{digest}" == STYLE_HASH
    assert "url(" not in style
    assert "prefers-color-scheme: dark" in style


async def test_a_changing_store_reloads_and_a_finished_replay_does_not(database: Database) -> None:
    await fill(database)
    status = await status_of(database)
    assert 'http-equiv="refresh" content="15"' in render(status, refresh_s=15)
    assert "refresh" not in render(status, refresh_s=15, still=True)
    ended = replace(status.loops[0], name="replay", within_s=float("inf"))
    final = replace(status, loops=(ended,))
    page = render(final, refresh_s=15)
    assert "refresh" not in page
    assert "Reload" not in page
    assert "ended 0 seconds ago" in page


async def test_a_late_loop_is_told_before_everything_else(database: Database) -> None:
    await fill(database)
    text = Outline(render(await status_of(database, late=True), refresh_s=15)).text
    assert "The delivery loop is late: its last round was 2 hours ago" in text
    assert text.index("is late") < text.index("HALTED")


def test_a_store_that_cannot_be_read_shows_an_unknown_gate() -> None:
    page = render_unreadable("the disk <is> gone", (), at=NOW, refresh_s=15)
    outline = Outline(page)
    assert outline.is_balanced
    assert "UNKNOWN" in outline.text
    assert "he disk <is> gone" in outline.text
    assert "<is>" not in page


def test_text_is_escaped_and_markup_is_not() -> None:
    bold = element("b", "1 < 2")
    assert bold == "<b>1 &lt; 2</b>"
    assert join(bold, " & ", "x") == "<b>1 &lt; 2</b> &amp; x"
    assert element("p", f"{bold}!") == "<p>&lt;b&gt;1 &amp;lt; 2&lt;/b&gt;!</p>"
    assert element("a", href='"><b>') == '<a href="&quot;&gt;&lt;b&gt;"></a>'
    assert element("p", "a\u202eb\x00") == "<p>a\ufffdb\ufffd</p>"
    assert isinstance(bold, Html)


def test_the_chart_speaks_and_shades_every_pause() -> None:
    points = tuple(EquityPoint(day, 1e6 + i, 1e6 - i) for i, day in enumerate(DAYS))
    pauses = tuple(
        Pause(start, None, HOSTILE, GateState.HALTED, "why", 1, "") for start in (DAYS[1], DAYS[-1])
    )
    tree = ET.fromstring(chart(points, pauses))  # noqa: S314 - our own output
    plot = tree[1]
    assert plot.get("role") == "img"
    assert [child.tag for child in plot[:2]] == ["title", "desc"]
    assert "2 pauses shaded" in (plot[1].text or "")
    for shade in plot.iter("rect"):
        left, width = (float((shade.get(name) or "").rstrip("%")) for name in ("x", "width"))
        assert width > 0
        assert left + width <= 100.001
    assert [len((line.get("points") or "").split()) for line in plot.iter("polyline")] == [4, 4]


@given(st.floats(1.0, 1e9), st.floats(0.0, 1e9))
def test_ticks_enclose_the_equity(low: float, room: float) -> None:
    high = low + room
    ticks = money_ticks(low, high)
    assert ticks[0] <= low * (1 + 1e-9)
    assert ticks[-1] >= high * (1 - 1e-9)
    assert 2 <= len(ticks) <= 7


@given(st.dates(date(1990, 1, 1), date(2030, 1, 1)), st.integers(0, 15_000))
def test_dates_on_the_axis_lie_inside_it(first: date, days: int) -> None:
    last = first + timedelta(days=days)
    ticks = date_ticks(first, last)
    assert 1 <= len(ticks) <= 7
    assert all(first <= day <= last for day in ticks)


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (0.5, "Usual by chance (p = 0.5, exact binomial)"),
        (0.0123, "By chance 1 in 81 (p = 0.012, exact binomial)"),
        (0.00021, "By chance 1 in 4,800 (p = 0.00021, exact binomial)"),
        (1e-12, "By chance less than 1 in a million (p < 0.000001, exact binomial)"),
    ],
)
def test_a_p_value_is_said_in_words(p: float, words: str) -> None:
    assert evidence(Evidence("exact_binomial", p_value=p), None) == words


def test_amounts_have_their_units() -> None:
    plain = [re.sub(r"\s", " ", text) for text in (amount("drawdown", 0.0561), amount("ece", 0.084))]
    assert plain == ["5.6 %", "8.4 points"]
    assert (amount("psi", 0.2), amount("psi", 3.14159), amount("win_rate_evidence", 1234.5)) == (
        "0.200",
        "3.14",
        "1,234",
    )
    assert amount("psi", float("nan")) == "\N{EN DASH}"


def test_durations_take_the_largest_unit_that_says_enough() -> None:
    assert [duration(s) for s in (1, 59, 119, 120, 7300, 400_000)] == [
        "1 second",
        "59 seconds",
        "119 seconds",
        "2 minutes",
        "2 hours",
        "4 days",
    ]
