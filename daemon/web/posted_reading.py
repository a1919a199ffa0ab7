"""The posted reading: what a foreign monitor may say, checked value by value, each error with its fix."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from monitors.metrics import METRICS
from monitors.reading import Evidence, NoData, Reading, State

MOST: Final = 5_000
"""Readings in one post at the most."""


def _printable(text: str) -> str:
    """Refuse what shows nothing or breaks a line, as NUL, which not every store can keep."""
    for character in text:
        if not character.isprintable():
            raise ValueError(
                f"holds the character U+{ord(character):04X}, which is not printable; leave it out"
            )
    return text


Number = Annotated[float, Field(strict=True, ge=-1e100, le=1e100)]
Text = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)]
Short = Annotated[str, Field(min_length=1, max_length=32), AfterValidator(_printable)]
Long = Annotated[str, Field(max_length=500), AfterValidator(_printable)]


class PostedEvidence(BaseModel):
    """How likely the value is by chance: a p-value or an e-value."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    method: Short
    p_value: float | None = Field(None, gt=0, le=1, strict=True)
    e_value: float | None = Field(None, ge=0, strict=True)

    @model_validator(mode="after")
    def _one_of_them(self) -> PostedEvidence:
        if (self.p_value is None) == (self.e_value is None):
            raise ValueError("give exactly one of p_value and e_value")
        return self


class PostedReading(BaseModel):
    """One reading of a foreign monitor."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    session: Annotated[date, Field(strict=True)]
    metric: Text
    subject: Text
    value: Number | None
    n: int = Field(1, ge=0, le=2**31 - 1, strict=True)
    threshold: Number | None = None
    state: State | None = None
    evidence: PostedEvidence | None = None
    reason: NoData | None = None
    monitor: Short = "foreign"
    detail: Long = ""

    @model_validator(mode="after")
    def _says_one_thing(self) -> PostedReading:
        if self.metric in METRICS:
            raise ValueError(f"metric {self.metric!r} is Forewarn's own; choose a name of your own")
        blind = self.value is None
        if self.state is not None and blind != (self.state is State.NO_DATA):
            raise ValueError(
                f"state {self.state.value!r} does not go with value {json.dumps(self.value)}; "
                "value null and state no_data go together"
            )
        if self.reason is not None and not blind:
            raise ValueError(f"reason {self.reason.value!r} goes with value null only; leave it out")
        return self

    def reading(self) -> Reading:
        """Return it as the rules read it."""
        blind, evidence = self.value is None, self.evidence
        return Reading(
            session=self.session,
            monitor=self.monitor,
            metric=self.metric,
            subject=self.subject,
            value=math.nan if self.value is None else self.value,
            n=self.n,
            threshold=self.threshold,
            state=self.state or (State.NO_DATA if blind else State.OK),
            evidence=Evidence(evidence.method, evidence.p_value, evidence.e_value) if evidence else None,
            reason=(self.reason or NoData.MISSING) if blind else None,
            detail=self.detail,
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one value.

    Attributes:
        field: Where, as `[3].evidence.p_value`.
        value: What was given, as JSON; "" where nothing was.
        problem: What is wrong with it, and the limit.
        fix: What to write instead.
    """

    field: str
    value: str
    problem: str
    fix: str


class PostError(Exception):
    """What was posted cannot be read; `faults` name every value that is wrong, ten at the most."""

    def __init__(self, text: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(text)
        self.faults = faults


def read_posted(body: bytes) -> tuple[Reading, ...]:
    """Return the readings of a body: a JSON list of objects.

    Raises:
        PostError: It is none, or a value is out of its limits, or two readings are of the same thing.
    """
    try:
        posted = _LIST.validate_json(body)
    except ValidationError as error:
        faults = tuple(_fault(one) for one in error.errors(include_url=False)[:10])
        count = error.error_count()
        raise PostError(f"{count} {'value is' if count == 1 else 'values are'} wrong", faults) from None
    seen: dict[tuple[date, str, str], int] = {}
    for number, one in enumerate(posted):
        first = seen.setdefault((one.session, one.metric, one.subject), number)
        if first != number:
            what = f"{one.metric} of {one.subject} in {one.session}"
            fault = Fault(f"[{number}]", "", f"repeats [{first}]: {what}", "post one of them")
            raise PostError("two readings are of the same thing", (fault,))
    return tuple(one.reading() for one in posted)


_LIMITS: Final = ("ge", "le", "gt", "max_length", "min_length")
_LIST: Final = TypeAdapter(Annotated[list[PostedReading], Field(min_length=1, max_length=MOST)])


def _fault(problem: ErrorDetails) -> Fault:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"])
    given = problem["input"]
    whole = problem["type"] in {"missing", "json_invalid", "value_error"} or isinstance(given, dict | list)
    text = problem["msg"].removeprefix("Value error, ")
    text = f"{text[0].lower()}{text[1:]}".removeprefix("input ")
    value = "" if whole else json.dumps(given, default=str)[:100]
    return Fault(place.lstrip(".") or "the body", value, text, _fix(problem))


def _fix(problem: ErrorDetails) -> str:
    limits: Mapping[str, Any] = problem.get("ctx", {})
    kind, name = problem["type"], str(problem["loc"][-1]) if problem["loc"] else ""
    fixes = {
        "missing": f"give {name}",
        "too_long": f"post at most {MOST:,} readings at once",
        "value_error": "see what is wrong",
        "enum": f"write one of {limits.get('expected')}",
    }
    if kind == "extra_forbidden":
        return _nearest(name, "evidence" in problem["loc"][:-1])
    if kind.startswith("date"):
        return "write a day as 2024-01-02"
    limit = next((limits[key] for key in _LIMITS if key in limits), None)
    if kind in fixes or limit is None:
        return fixes.get(kind, "post a JSON list of objects, as docs/alerts.md shows")
    return f"the limit is {limit}"


def _nearest(name: str, of_evidence: bool) -> str:
    known = (PostedEvidence if of_evidence else PostedReading).model_fields
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
