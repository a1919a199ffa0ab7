"""The schema: every table, as SQLAlchemy Core.

Keys are natural (session, ticker, rule), never a database's own counter, so that a run that was killed and
resumed leaves the same rows as one that was not. Columns whose name contains `wall` hold the machine's own
time; everything else is a function of the input. Instants are UTC, dates are sessions, prices USD per share;
`return_` and other ratios are fractions. NULL means unknown, as NaN does in arrays.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC instant on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive instant; hand the others over in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"instant {value} has no time zone; give an aware UTC datetime")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give SQLite's naive text its time zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData()

origin = Table(
    "origin",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
    comment="What this store belongs to: a live daemon, or the replay of one history.",
)

sessions = Table(
    "sessions",
    metadata,
    Column("session", Date, primary_key=True),
    Column("calendar", String(32), nullable=False),
    Column("closed_at", UtcDateTime, nullable=False),
    Column("bars", Integer, nullable=False),
    Column("missing", Integer, nullable=False),
)

bars = Table(
    "bars",
    metadata,
    Column("session", Date, primary_key=True),
    Column("ticker", String(32), primary_key=True),
    Column("open", Double),
    Column("high", Double),
    Column("low", Double),
    Column("close", Double),
    Column("adj_close", Double),
    Column("volume", Double),
)

features = Table(
    "features",
    metadata,
    Column("session", Date, primary_key=True),
    Column("ticker", String(32), primary_key=True),
    Column("vector", LargeBinary, nullable=False, comment="float64, little-endian, in the order of the set"),
    Column("feature_set", String(16), nullable=False, comment="fingerprint of the names and formulas"),
)

models = Table(
    "models",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("fitted_on", Date, nullable=False),
    Column("train_from", Date, nullable=False),
    Column("train_to", Date, nullable=False),
    Column("feature_set", String(16), nullable=False),
    Column("parameters", JSON, nullable=False),
)

forecasts = Table(
    "forecasts",
    metadata,
    Column("session", Date, primary_key=True),
    Column("ticker", String(32), primary_key=True),
    Column("model", Integer, nullable=False),
    Column("horizon", Integer, nullable=False, comment="sessions"),
    Column("direction", String(8), nullable=False),
    Column("confidence", Double),
    Column("probability", Double),
    Column("log_odds", Double),
    Column("contributions", JSON, nullable=False),
    Column("reasoning", Text, nullable=False),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("session", Date, primary_key=True, comment="of the forecast"),
    Column("ticker", String(32), primary_key=True),
    Column("resolved", Date, nullable=False, index=True),
    Column("return_", Double),
    Column("median", Double),
    Column("beat", Double, comment="1 above the median, 0 below, NULL at it or unknown"),
)

orders = Table(
    "orders",
    metadata,
    Column("session", Date, primary_key=True),
    Column("ticker", String(32), primary_key=True),
    Column("side", String(4), primary_key=True),
    Column("shares", Integer, nullable=False),
    Column("reducing", Boolean, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", String(16), nullable=False, comment="open, filled, failed or cancelled"),
    Column("status_reason", Text, nullable=False),
    Index("ix_orders_status", "status"),
)

fills = Table(
    "fills",
    metadata,
    Column("session", Date, primary_key=True),
    Column("ticker", String(32), primary_key=True),
    Column("side", String(4), primary_key=True),
    Column("ordered", Date, nullable=False),
    Column("shares", Integer, nullable=False),
    Column("price", Double, nullable=False),
    Column("cost", Double, nullable=False, comment="USD"),
)

trades = Table(
    "trades",
    metadata,
    Column("opened", Date, primary_key=True),
    Column("ticker", String(32), primary_key=True),
    Column("closed", Date, nullable=False, index=True),
    Column("shares", Integer, nullable=False),
    Column("entry", Double, nullable=False),
    Column("exit", Double, nullable=False),
    Column("pnl", Double, nullable=False, comment="USD after costs"),
    Column("return_", Double, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("session", Date, primary_key=True),
    Column(
        "book", String(16), primary_key=True, comment="paper, or ungated: the same with the gate held open"
    ),
    Column("cash", Double, nullable=False),
    Column("equity", Double, nullable=False),
    Column("peak", Double, nullable=False),
    Column("exposure", Double, nullable=False),
    Column("positions", JSON, nullable=False),
)

ungated_orders = Table(
    "ungated_orders",
    metadata,
    Column("session", Date, primary_key=True),
    Column("orders", JSON, nullable=False),
    comment="What the book with the gate held open wants to trade at the next open.",
)

readings = Table(
    "readings",
    metadata,
    Column("session", Date, primary_key=True),
    Column("metric", String(64), primary_key=True),
    Column("subject", String(64), primary_key=True),
    Column("monitor", String(32), nullable=False),
    Column("value", Double),
    Column("n", Integer, nullable=False),
    Column("threshold", Double),
    Column("state", String(8), nullable=False),
    Column("method", String(32)),
    Column("p_value", Double),
    Column("e_value", Double),
    Column("reason", String(16)),
    Column("detail", Text, nullable=False),
)

monitor_states = Table(
    "monitor_states",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("session", Date, nullable=False),
    Column("state", JSON, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("fingerprint", String(160), primary_key=True),
    Column("rule", String(64), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("since", Date, nullable=False),
    Column("began", Date, nullable=False),
    Column("held", Integer, nullable=False),
    Column("fired_for", Integer, nullable=False),
    Column("value", Double),
)

alert_transitions = Table(
    "alert_transitions",
    metadata,
    Column("session", Date, primary_key=True),
    Column("fingerprint", String(160), primary_key=True),
    Column("rule", String(64), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("before", String(16), nullable=False),
    Column("after", String(16), nullable=False),
    Column("value", Double),
)

outbox = Table(
    "outbox",
    metadata,
    Column("group_", String(96), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("channel", String(32), primary_key=True),
    Column("severity", Integer, nullable=False, comment="0 info, 1 warning, 2 critical"),
    Column("message", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("status", String(8), nullable=False, comment="pending, claimed, sent, failed, retry or unknown"),
    Column("attempts", Integer, nullable=False),
    Column("reference", Text, nullable=False, comment="the receiver's own name for it"),
    Column("error", Text, nullable=False),
    Column("due_wall_at", UtcDateTime, nullable=False),
    Column("lease_wall_until", UtcDateTime),
    Column("sent_wall_at", UtcDateTime),
    Index("ix_outbox_status", "status", "due_wall_at"),
)

gates = Table(
    "gates",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("latched", Boolean, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column(
        "lifted",
        Boolean,
        nullable=False,
        comment="a rule's latch was lifted; the next settlement starts anew",
    ),
    Column("since", UtcDateTime, nullable=False),
    Column("rule", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", String(64), nullable=False),
)

gate_transitions = Table(
    "gate_transitions",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("session", Date, comment="the session judged; NULL for a person's command"),
    Column("before", String(16), nullable=False),
    Column("after", String(16), nullable=False),
    Column("rule", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", String(64), nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("detail", JSON, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("job", String(32), primary_key=True),
    Column("due_at", UtcDateTime, primary_key=True),
    Column("session", Date, nullable=False, index=True),
    Column("result", JSON, nullable=False),
    Column("started_wall_at", UtcDateTime, nullable=False),
    Column("finished_wall_at", UtcDateTime, nullable=False),
)
