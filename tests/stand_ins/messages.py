"""Messages that look like real ones: one for each event, and storms of any size."""

from __future__ import annotations

from alerts.message import Event, Finding, Message, Severity

FIRING = Message(
    key="feature_drift:17",
    group="feature_drift",
    event=Event.FIRING,
    severity=Severity.CRITICAL,
    title="Feature drift in 3 of 42 features",
    session="2026-03-12",
    findings=(
        Finding(
            subject="momentum_21",
            value="0.31",
            limit="> 0.2",
            samples=252,
            chance="p = 0.004, own windows",
            since="2026-03-10",
        ),
        Finding(
            subject="volatility_63",
            value="0.27",
            limit="> 0.2",
            samples=252,
            chance="p = 0.011, own windows",
            since="2026-03-11",
        ),
        Finding(
            subject="volume_z_5", value="0.22", limit="> 0.2", samples=1260, chance="", since="2026-03-12"
        ),
    ),
    done="Trading is REDUCE_ONLY (epoch 7)",
    runbook="Open the drift page and compare the distributions of the named features.\n"
    "If the market has changed, retrain; if a provider has, quarantine its bars. "
    "Trading resumes by itself after 5 quiet sessions.",
)

RESOLVED = Message(
    key="feature_drift:18",
    group="feature_drift",
    event=Event.RESOLVED,
    severity=Severity.CRITICAL,
    title="Feature drift is over",
    session="2026-03-20",
    findings=(
        Finding(
            subject="momentum_21",
            value="0.08",
            limit="> 0.2",
            samples=252,
            chance="p = 0.61, own windows",
            since="2026-03-10",
        ),
    ),
    done="Trading is ACTIVE (epoch 8)",
    runbook="Nothing. The forecasts of the sessions in between were made with drifted features.",
)

GATE = Message(
    key="gate:global:9",
    group="gate",
    event=Event.GATE,
    severity=Severity.WARNING,
    title="Trading was halted by anna",
    session="2026-03-23",
    findings=(),
    done="Trading is HALTED (epoch 9): earnings of three holdings tonight",
    runbook="Only a person lifts it: forewarn trading resume --reason TEXT",
)

EVENTS = {"firing": FIRING, "resolved": RESOLVED, "gate": GATE}


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
