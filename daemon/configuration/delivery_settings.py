"""The settings of delivery: how messages are sent, and what happens where a channel does not take them."""

from __future__ import annotations

from pydantic import Field, model_validator

from daemon.configuration.section import LONGEST_HOURS, LONGEST_SECONDS, Section


class DeliverySettings(Section):
    """How messages are sent, again where need be."""

    lease_seconds: float = Field(120.0, gt=0, le=LONGEST_SECONDS)
    send_timeout_seconds: float = Field(60.0, gt=0, le=LONGEST_SECONDS)
    slow_seconds: float = Field(2.0, gt=0, le=LONGEST_SECONDS)
    in_flight: int = Field(4, ge=1, le=32)
    settle_seconds: float = Field(5.0, ge=0, le=LONGEST_SECONDS)
    retry_seconds: float = Field(5.0, gt=0, le=LONGEST_SECONDS)
    longest_retry_seconds: float = Field(30.0, gt=0, le=LONGEST_SECONDS)
    longest_hold_seconds: float = Field(86_400.0, gt=0, le=LONGEST_SECONDS)
    max_attempts: int = Field(20, ge=1)
    max_copies: int = Field(3, ge=1)
    max_age_hours: float = Field(168.0, gt=0, le=LONGEST_HOURS)
    fold_above: int = Field(5, ge=1)
    fold_most: int = Field(200, ge=2, le=200)
    breaker_failures: int = Field(5, ge=1)
    probe_seconds: float = Field(5.0, gt=0, le=LONGEST_SECONDS)
    longest_probe_seconds: float = Field(30.0, gt=0, le=LONGEST_SECONDS)
    fallback_seconds: float = Field(20.0, gt=0, le=LONGEST_SECONDS)
    tell_after_seconds: float = Field(300.0, gt=0, le=LONGEST_SECONDS)

    @model_validator(mode="after")
    def _lease_outlasts_a_send(self) -> DeliverySettings:
        if self.lease_seconds <= self.send_timeout_seconds:
            raise ValueError(
                f"lease_seconds = {self.lease_seconds:g} does not outlast "
                f"send_timeout_seconds = {self.send_timeout_seconds:g}; raise the first or lower the second"
            )
        return self
