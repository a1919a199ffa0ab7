"""The section: what every table of the configuration has in common."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict

LONGEST_SECONDS: Final = 604_800  # a week
LONGEST_MINUTES: Final = 10_080  # a week
LONGEST_HOURS: Final = 8_784  # a leap year
LONGEST_DAYS: Final = 36_600  # a hundred years
LONGEST_SESSIONS: Final = 25_200  # a hundred years
"""No duration is longer: beyond them the calendar ends, and nobody means one."""


class Section(BaseModel):
    """A table of the configuration: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
