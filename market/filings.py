"""Filings: which customers a company names in its annual report, and how much of its revenue each one is.

ASC 280 has companies tell the customers at 10 % of revenue or more. The text is read sentence by sentence; a
disclosure names customers, gives as many percentages as it names (or one name as many as years), and says
that they are of revenue or sales. What is told of receivables, of regions, of several customers together or
of nobody is none. Many customers stay anonymous ("Customer A", "three wholesalers"): they are told, and link
to nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Concentration:
    """One customer's share of one year's revenue.

    Attributes:
        customer: As the text has it; empty where it is not named at all.
        percent: Of revenue, above 0 to 100.
        year: Fiscal year; None where the text does not say.
        sentence: Where it says so.
    """

    customer: str
    percent: float
    year: int | None
    sentence: str

    @property
    def named(self) -> bool:
        """Whether it is a name, and not a letter or nothing."""
        return bool(self.customer) and not re.fullmatch(ANONYMOUS, self.customer, re.IGNORECASE)


ANONYMOUS: Final = r"(?:(?:in)?direct )?(?:customer|lessee|distributor)s? ?(?:[A-Z]|\d|one|two|three)?"
NUMBER: Final = r"\d{1,3}(?:\.\d+)?"
PERCENT: Final = rf"{NUMBER} ?(?:%|percent\b)"
JOINT: Final = r"(?:,? and;? |, |; (?:and;? )?)"
PERCENTS: Final = rf"{PERCENT}(?:{JOINT}(?:approximately )?{PERCENT})*"
VERB: Final = (
    r"(?:accounted|accounts|accounting) for|represented|represents|comprised|constituted|"
    r"(?:has|have|is estimated to) represent(?:ed)?"
)
REVENUE: Final = r"(?:revenues?|sales|turnover)\b"
YEAR: Final = r"(?:19|20)\d\d"

LONGEST: Final = 3_000
"""Characters of a sentence that are read, the last ones: a text without stops is a table, and
costs the square of its length."""

CLAUSE: Final = 300
"""Characters between two parts of a disclosure at the most."""

BODY: Final = 4_000
"""Characters of a table without an end that are read."""

NAME: Final = 80
"""Characters of a name in a table at the most."""

TOLD: Final = re.compile(
    rf"(?P<who>.*?)\b(?:{VERB}) (?:approximately |about |over |more than )?(?P<percents>{PERCENTS})"
    rf"(?P<between>,? respectively,?)? ?(?:of|to) (?P<whole>[^.;%]{{0,{CLAUSE}}}?{REVENUE})(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
INVERTED: Final = re.compile(
    rf"(?P<percents>{PERCENT}) of (?P<whole>[^.;,%]{{0,{CLAUSE}}}?{REVENUE})[^.;,]{{0,{CLAUSE}}}? "
    r"(?:was|were|is|are|came) "
    r"(?:earned |derived |generated )?(?:from|by|to|attributable to|pursuant to) (?:sales to )?"
    r"(?P<who>(?:[A-Z]\.){0,9}[^.;,]{1,200}?)(?= contracts?\b|,|;|\.|$)",
    re.IGNORECASE,
)
COUNTED: Final = re.compile(
    r"\b(?P<count>one|two|three|four|five|\d) (?:[\w-]+ ){0,2}"
    rf"(?:customers?|lessees?|wholesalers?|distributors?)\b[^.]{{0,{CLAUSE}}}?"
    rf"(?:{VERB}|ranked as follows:) ?(?:approximately )?(?P<percents>{PERCENTS})(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
TABLE: Final = re.compile(
    rf"(?:customers|lessees)\b[^.:]{{0,{CLAUSE}}}?10 ?% (?:or more )?of (?P<whole>[^.:]{{0,{CLAUSE}}}?)"
    rf"(?:, all of[^:]{{0,{CLAUSE}}}?)?:"
    rf"\s+Years? Ended(?P<head>(?:\s+(?:[A-Z][a-z]+ \d+, )?{YEAR}|\s+[A-Z][a-z]+ \d+,)+)"
    rf"(?P<body>.{{0,{BODY}}}?(?=\*+\s*(?:represents\s+)?less than|$)|.{{{BODY}}})",
    re.IGNORECASE | re.DOTALL,
)
CELL: Final = r"(?:\*+ ?%?|\d{1,3}(?:\.\d+)? ?%|[-—] ?%?)"

COUNTS: Final = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
OTHER_WHOLE: Final = re.compile(
    r"receivable|backlog|assets|purchase|inventor|cost|expense|deposit|unit case|in the united states|"
    r"non-u\.?s|international|outside",
    re.IGNORECASE,
)
NOBODY: Final = re.compile(
    r"^(?:no|none|neither|one|two|three|four|five|several|certain|another)\b|"
    r"customers? (?:outside|located|in|from)\b|non-u\.?s|customer revenue|"
    r"\b(?:segments?|channels?|products?|services|stores|currencies|countries|largest|combined|together|"
    r"online|foreign|international|export|premiums?)\b|"
    r"^(?:the )?(?:u\.?s\.?|united (?:states|kingdom)|china|japan|taiwan|(?:south )?korea|singapore|india|"
    r"canada|mexico|brazil|germany|france|europe|asia|(?:latin |north )?america|americas|"
    r"emea|apac|asia.pacific)$|"
    r"^(?:we|our|it|they|this|these|that|which|sales|revenues?|total|net|the company)$|\d",
    re.IGNORECASE,
)


def concentrations(text: str) -> tuple[Concentration, ...]:
    """Return the customers that an annual report tells, each customer and year once.

    Args:
        text: The report as plain text.
    """
    found: dict[tuple[str, float, int | None], Concentration] = {}
    flat = re.sub(r"\s+", " ", text)
    for one in (
        *_tables(flat),
        *(told for sentence in sentences(flat) for told in _told(sentence[-LONGEST:])),
    ):
        found.setdefault((one.customer.lower(), one.percent, one.year), one)
    named = {(one.percent, one.year) for one in found.values() if one.customer}
    return tuple(one for one in found.values() if one.customer or (one.percent, one.year) not in named)


def sentences(text: str) -> Iterator[str]:
    """Split a text at full stops that end a sentence: abbreviations and initials do not."""
    start = 0
    for stop in re.finditer(r"[.!?](?=\s+[A-Z“\"(])", text):
        before = text[max(stop.start() - 6, 0) : stop.start()]
        if re.search(
            r"(?:\b(?:Inc|Corp|Co|Ltd|No|U\.S|vs|St|Mr|Dr|Jan|Feb|Aug|Sept|Oct|Nov|Dec)|\b[A-Z])$", before
        ):
            continue
        yield text[start : stop.end()].strip()
        start = stop.end()
    yield text[start:].strip()


def _told(sentence: str) -> Iterator[Concentration]:
    if "%" not in sentence and "percent" not in sentence:
        return
    if (found := TOLD.match(sentence)) is not None and not OTHER_WHOLE.search(found["whole"]):
        years = _years(found["rest"]) or _years(found["who"])
        named = tuple(_pair(_names(found["who"]), _percents(found["percents"]), years, sentence))
        if named:
            yield from named
            return
    if (found := COUNTED.search(sentence)) is not None:
        yield from _counted(sentence, found)
    elif (found := INVERTED.search(sentence)) is not None and not OTHER_WHOLE.search(found["whole"]):
        yield from _pair(_names(found["who"]), _percents(found["percents"]), _years(sentence), sentence)


def _counted(sentence: str, found: re.Match[str]) -> Iterator[Concentration]:
    """Customers that are counted and not named: as many percentages as customers."""
    percents = _percents(found["percents"])
    count = COUNTS.get(found["count"].lower()) or int(found["count"])
    revenue = re.search(REVENUE, found[0], re.IGNORECASE)
    if len(percents) != count or revenue is None or OTHER_WHOLE.search(found["rest"]):
        return
    years = _years(sentence[: found.start()]) or _years(found["rest"])
    for percent in percents:
        yield Concentration("", percent, years[0] if years else None, sentence)


def _pair(
    names: list[str], percents: list[float], years: list[int], sentence: str
) -> Iterator[Concentration]:
    if not names or not all(0 < percent <= 100 for percent in percents):
        return
    if len(names) == len(percents) and len(years) <= 1:
        for name, percent in zip(names, percents, strict=True):
            yield Concentration(name, percent, years[0] if years else None, sentence)
    elif len(names) == 1 and len(percents) == len(years):
        for year, percent in zip(years, percents, strict=True):
            yield Concentration(names[0], percent, year, sentence)


def _names(who: str) -> list[str]:
    """Return the customers before the verb, none where it is not about customers."""
    text = re.sub(rf"^.*?\b(?:in|during|for)\b[^,]*?{YEAR}[^,]*?, ", "", who.strip(), flags=re.IGNORECASE)
    text = re.sub(
        r"^.*\b(?:sales to|revenues? from|customers?, |customers, namely)\s*", "", text, flags=re.IGNORECASE
    )
    text = re.sub(r"\([^)]*\)", "", text)
    text = re.sub(
        r",? (?:primarily|including|which|together with|and its)\b.*$", "", text, flags=re.IGNORECASE
    )
    text = re.sub(r"^(?:the|our|a|an) (?=[A-Z])|,? (?:each|individually|respectively)$", "", text.strip(" ,"))
    lettered = re.fullmatch(rf"((?:(?:in)?direct )?customers?) ([A-Z](?:{JOINT}[A-Z])*)", text, re.IGNORECASE)
    if lettered:
        return [f"Customer {letter}" for letter in re.findall(r"\b[A-Z]\b", lettered[2])]
    parts = re.split(r", and |, (?!(?:Inc|Corp|Co|Ltd|LLC|L\.P|plc)\b)| and (?=[A-Z])", text)
    names = [part.strip(" ,") for part in parts if part.strip(" ,")]
    proper = all(re.match(r"[A-Z]", name) and len(name) <= 60 and not NOBODY.search(name) for name in names)
    return names if proper else []


def _tables(text: str) -> Iterator[Concentration]:
    """Tables whose grid was lost: a heading, the years, then a name and a value a year."""
    for found in TABLE.finditer(text):
        if OTHER_WHOLE.search(found["whole"]) or not re.search(REVENUE, found["whole"], re.IGNORECASE):
            continue
        years = _years(found["head"])
        row = re.compile(rf"([A-Z][\w.,&' -]{{0,{NAME}}}?[\w.])\s+((?:{CELL}\s*){{{len(years)}}})")
        for name, cells in row.findall(found["body"]):
            for year, cell in zip(years, re.findall(CELL, cells), strict=True):
                if cell[0].isdigit():
                    customer = re.sub(r"^(?:in)?direct ", "", name.strip(), flags=re.IGNORECASE)
                    yield Concentration(customer, _percents(cell)[0], year, found[0][:300])


def _percents(text: str) -> list[float]:
    return [float(number) for number in re.findall(NUMBER, text)]


def _years(text: str) -> list[int]:
    return [int(year) for year in re.findall(rf"\b{YEAR}\b", text)]
