"""Messages that look like real ones: one for each event, and storms of any size."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from math import sin

from alerts.message import Curve, Event, Finding, Message, Severity, Trading
from alerts.reason import Reason

SESSIONS = tuple(
    day.isoformat()
    for day in (date(2025, 9, 25) + timedelta(days=n) for n in range(169))
    if day.weekday() < 5  # 121 days, of which the newest 120 are drawn
)[-120:]

CURVE = Curve(
    label="psi of momentum_21",
    sessions=SESSIONS,
    values=tuple(
        None if 40 <= n < 44 else 0.08 + 0.03 * sin(n / 3) + 0.01 * sin(n * 2.7) + max(n - 96, 0) ** 2 / 2675
        for n in range(120)
    ),
    limit=0.2,
)


def drifted(
    subject: str, value: str, chance: str, since: str, *, samples: int = 252, false_alarms: str = ""
) -> Finding:
    """Return a finding of a feature that drifts, or does no longer."""
    return Finding(subject, value, "> 0.2", samples, chance, since, false_alarms=false_alarms)


FIRING = Message(
    key="feature_drift/17",
    group="feature_drift",
    event=Event.FIRING,
    severity=Severity.CRITICAL,
    title="Feature drift in 3 of 42 features",
    session="2026-03-12",
    findings=(
        drifted("momentum_21", "0.31", "p = 0.004, own windows", "2026-03-10"),
        drifted("volatility_63", "0.27", "p = 0.011, own windows", "2026-03-11"),
        drifted(
            "volume_z_5", "0.22", "", "2026-03-12", samples=1260, false_alarms="fires 0.5 times a calm year"
        ),
    ),
    done="Trading went from ACTIVE to REDUCE_ONLY (epoch 7). 2 open orders were cancelled.",
    runbook="Open the drift page and compare the distributions of the named features.\n"
    "If the market has changed, retrain; if a provider has, quarantine its bars. "
    "Trading resumes by itself after 5 quiet sessions.",
    episode="2026-03-12",
    reason=Reason.FIRST.value,
    at="2026-03-12T20:35:04+00:00",
    trading=Trading("REDUCE_ONLY", 7, latched=False),
    curve=CURVE,
)

RESOLVED = Message(
    key="feature_drift/19",
    group="feature_drift",
    event=Event.RESOLVED,
    severity=Severity.CRITICAL,
    title="Feature drift is over",
    session="2026-03-20",
    findings=(drifted("momentum_21", "0.08", "p = 0.61, own windows", "2026-03-10"),),
    done="Trading went from REDUCE_ONLY to ACTIVE (epoch 8).",
    runbook="Nothing. The forecasts of the sessions in between were made with drifted features.",
    episode="2026-03-12",
    reason=Reason.RESOLVED.value,
    at="2026-03-20T20:35:02+00:00",
    trading=Trading("ACTIVE", 8, latched=False),
)

REMINDER = replace(
    FIRING,
    key="feature_drift/18",
    event=Event.REMINDER,
    title="Features have drifted: 51 alerts",
    session="2026-03-13",
    findings=FIRING.findings,
    done="",
    reason=Reason.ESCALATED.value,
    at="2026-03-13T20:35:04+00:00",
    others=48,
    trading=Trading("REDUCE_ONLY", 7, latched=True),
)

NO_DATA = replace(
    RESOLVED,
    key="feature_drift/20",
    event=Event.NO_DATA,
    severity=Severity.WARNING,
    title="Feature drift can no longer be judged",
    session="2026-03-24",
    findings=(drifted("volume_z_5", "0.12", "p = 0.41, own windows", "2026-03-20", samples=1260),),
    done="",
    runbook="See whether the provider still sends volumes.",
    episode="2026-03-24",
    reason=Reason.NO_DATA.value,
    at="2026-03-24T20:35:09+00:00",
    trading=Trading("ACTIVE", 8, latched=False),
)

GATE = Message(
    key="gate/9",
    group="gate",
    event=Event.GATE,
    severity=Severity.WARNING,
    title="Trading was halted by anna",
    session="2026-03-23",
    findings=(),
    done="Trading is HALTED (epoch 9): earnings of three holdings tonight",
    runbook="Only a person lifts it: forewarn trading resume --reason TEXT",
    reason=Reason.PERSON.value,
    at="2026-03-23T15:02:41+00:00",
    trading=Trading("HALTED", 9, latched=True),
)

TEST = Message(
    key="test/20260323T150241Z",
    group="test",
    event=Event.TEST,
    severity=Severity.INFO,
    title="This is how Forewarn reaches you",
    session="2026-03-23",
    findings=(),
    done="",
    runbook="Nothing. Somebody asked for this message with `forewarn alerts test email`.",
    reason=Reason.TEST.value,
    at="2026-03-23T15:02:41+00:00",
)


def digest(findings: int, alerts: int = 6) -> Message:
    """Return a digest with so many findings of so many alerts, worst first."""
    summaries = (
        "A feature has drifted by the classic limit",
        "Confidence and hit rate differ by more than 10 points",
        "Win rate of the last 20 trades is more than 10 points below its baseline",
        "Prices are missing",
        "Orders fail",
        "Forecasts came late",
    )
    return Message(
        key="digest/4",
        group="digest",
        event=Event.DIGEST,
        severity=Severity.INFO,
        title=f"{findings} findings since yesterday",
        session="2026-03-12",
        findings=tuple(
            Finding(
                subject=f"feature_{number:03d}",
                value=f"{9 - number / 1000:.3f}",
                limit="> 0.2",
                samples=252 if number % 7 else 0,
                chance="p = 0.03, own windows" if number % 3 else "",
                since="2026-03-10",
                about=summaries[(number * number + number // 3) % alerts % len(summaries)]
                + (f" ({number % alerts})" if alerts > len(summaries) else ""),
            )
            for number in range(findings)
        ),
        done="",
        runbook="",
        reason=Reason.DIGEST.value,
        at="2026-03-12T21:00:00+00:00",
        trading=Trading("ACTIVE", 6, latched=False),
    )


EVENTS = {
    "firing": FIRING,
    "resolved": RESOLVED,
    "reminder": REMINDER,
    "no_data": NO_DATA,
    "gate": GATE,
    "digest": digest(40),
    "test": TEST,
}


def storm(findings: int) -> Message:
    """Return a message with so many findings, worst first."""
    return Message(
        key=f"storm:{findings}",
        group="feature_drift",
        event=Event.FIRING,
        severity=Severity.WARNING,
        title=f"Feature drift in {findings} features",
        session="2026-03-12",
        findings=tuple(
            Finding(
                subject=f"feature_{number:03d}",
                value=f"{9 - number / 1000:.3f}",
                limit="> 0.2",
                samples=252,
                chance="p < 0.001, own windows",
                since="2026-03-10",
            )
            for number in range(findings)
        ),
        done="Trading is REDUCE_ONLY (epoch 7)",
        runbook="Look at the provider first: so many features rarely drift at once.",
    )
