from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta

import pytest

from monitors.live import Call, Live, Outcome, Requests, Sent, live_readings
from monitors.reading import NoData, Reading, State
from monitors.settings import WatchSettings

FIRST = date(2024, 1, 1)
DAY = 86_400.0
LIMITS = WatchSettings()


def call(day: int, outcome: Outcome = Outcome.OK, *, provider: str = "yahoo", seconds: float = 2.0) -> Call:
    return Call(provider, FIRST + timedelta(days=day), day * DAY, seconds, outcome)


def live(**changes: object) -> Live:
    calm = Live(
        now_s=30 * DAY,
        providers=("yahoo",),
        calls=tuple(call(day) for day in range(30)),
        channels=("slack",),
        sent=tuple(Sent("slack", day * DAY, day * DAY + 1.5, 1) for day in range(30)),
        sessions=30,
        stumbled=0,
        due_s=30 * DAY - 60.0,
        forecast_s=30 * DAY,
    )
    return replace(calm, **changes)  # type: ignore[arg-type]


def read(facts: Live) -> dict[tuple[str, str], Reading]:
    found = live_readings(FIRST, facts, LIMITS)
    assert all(one.monitor == "execution" for one in found)
    return {(one.metric, one.subject): one for one in found}


def test_a_calm_daemon_is_ok_in_everything() -> None:
    found = read(live())
    assert {one.state for one in found.values()} == {State.OK}
    assert found["latency_p95_s", "provider:yahoo"].value == 2.0
    assert found["latency_p50_s", "channel:slack"].value == 1.5
    assert found["lateness_s", "forecasts"].value == 60.0


def test_a_new_daemon_says_that_it_knows_nothing() -> None:
    found = read(live(calls=(), sent=(), sessions=0, due_s=math.nan))
    assert {one.state for one in found.values()} == {State.NO_DATA}
    assert found["lateness_s", "forecasts"].reason is NoData.NOT_EVALUATED
    assert found["staleness_s", "provider:yahoo"].reason is NoData.STALE


def test_an_outage_of_an_evening_counts_once_however_often_the_provider_was_asked() -> None:
    calls = (*(call(day) for day in range(20)), *(call(20, Outcome.FAILED) for _ in range(180)), call(21))
    rate = read(live(calls=calls))["failure_rate", "provider:yahoo"]
    assert (rate.n, rate.state) == (22, State.OK)
    assert rate.value == pytest.approx(1 / 22)


def test_many_evenings_of_failures_are_a_breach() -> None:
    calls = tuple(call(day, Outcome.FAILED if day % 3 else Outcome.OK) for day in range(30))
    found = read(live(calls=calls))
    assert found["failure_rate", "provider:yahoo"].state is State.BREACH
    assert found["timeout_rate", "provider:yahoo"].state is State.OK


def test_a_time_out_is_slow_and_a_failure_has_no_latency() -> None:
    calls = (*(call(day) for day in range(22)), *(call(day, Outcome.TIMEOUT) for day in range(22, 30)))
    slow = read(live(calls=calls))
    assert slow["slow_rate", "provider:yahoo"].state is State.BREACH
    assert slow["latency_p99_s", "provider:yahoo"].reason is NoData.INFINITE
    failed = (*(call(day) for day in range(25)), *(call(day, Outcome.FAILED) for day in range(25, 30)))
    assert read(live(calls=failed))["latency_p50_s", "provider:yahoo"].n == 25


def test_a_provider_is_as_old_as_its_first_call_in_vain() -> None:
    calls = (call(0), call(27, Outcome.EMPTY), call(28, Outcome.FAILED), call(29, Outcome.TIMEOUT))
    found = read(live(calls=calls))["staleness_s", "provider:yahoo"]
    assert (found.value, found.state) == (3 * DAY, State.BREACH)
    assert read(live(calls=(*calls, call(30))))["staleness_s", "provider:yahoo"].value == 0.0


def test_only_a_second_provider_has_a_fallback_rate() -> None:
    calls = tuple(
        one
        for day in range(20)
        for one in ((call(day, Outcome.FAILED), call(day, provider="file")) if day < 8 else (call(day),))
    )
    found = read(live(providers=("yahoo", "file"), calls=calls))
    rate = found["fallback_rate", "provider:file"]
    assert (rate.value, rate.n, rate.state) == (0.4, 20, State.BREACH)
    assert ("fallback_rate", "provider:yahoo") not in found


@pytest.mark.parametrize(("failed", "state"), [(5, State.OK), (11, State.WARN), (20, State.BREACH)])
def test_requests_that_failed_are_told_however_well_they_were_made_up_for(failed: int, state: State) -> None:
    found = read(live(requests=(Requests("yahoo", 100, failed), Requests("eodhd", 100, 0))))
    rate = found["request_failure_rate", "provider:yahoo"]
    assert (rate.value, rate.state) == (failed / 100, state)
    assert ("request_failure_rate", "provider:eodhd") not in found


def test_of_who_is_asked_beside_the_prices_only_the_requests_are_read() -> None:
    found = read(live(requests=(Requests("finra", 100, 60),), beside=("finra", "eodhd_minutes")))
    assert {metric for metric, subject in found if subject == "provider:finra"} == {"request_failure_rate"}
    assert found["request_failure_rate", "provider:finra"].state is State.BREACH
    assert not any(subject == "provider:eodhd_minutes" for _, subject in found)


def test_a_message_that_waits_too_long_is_slow_before_it_is_delivered() -> None:
    sent = live().sent
    waiting = (
        *sent[:-2],
        Sent("slack", 30 * DAY - 61, math.nan, 3),
        Sent("slack", 30 * DAY - 5, math.nan, 0),
    )
    found = read(live(sent=waiting))
    assert found["slow_rate", "channel:slack"].n == 29  # the newest one may yet come in time
    assert found["slow_rate", "channel:slack"].value == pytest.approx(1 / 29)
    assert found["delivery_failure_rate", "channel:slack"].n == 28


def test_messages_given_up_or_sent_again_are_told_a_channel() -> None:
    sent = (*live().sent[:20], *(Sent("slack", 0.0, math.inf, 20) for _ in range(10)))
    found = read(live(sent=sent, channels=("slack", "email")))
    assert found["delivery_failure_rate", "channel:slack"].state is State.BREACH
    assert found["delivery_retry_rate", "channel:slack"].value == pytest.approx(1 / 3)
    assert found["delivery_failure_rate", "channel:email"].reason is NoData.TOO_FEW


def test_sessions_whose_steps_failed_are_a_rate() -> None:
    assert read(live(stumbled=10))["job_failure_rate", "sessions"].state is State.BREACH
    with pytest.raises(ValueError, match="31 of 30 events"):
        read(live(stumbled=31))


@pytest.mark.parametrize(
    ("hours", "state"), [(1.0, State.OK), (3.0, State.WARN), (4.5, State.BREACH), (72.0, State.BREACH)]
)
def test_forecasts_are_late_after_four_hours(hours: float, state: State) -> None:
    late = live(due_s=0.0, forecast_s=hours * 3600)
    assert read(late)["lateness_s", "forecasts"].state is state
