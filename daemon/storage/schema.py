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
    Column("known_at", UtcDateTime, nullable=False, comment="since when these values are known"),
    Column("open", Double),
    Column("high", Double),
    Column("low", Double),
    Column("close", Double),
    Column("adj_close", Double),
    Column("volume", Double),
)

bar_revisions = Table(
    "bar_revisions",
    metadata,
    Column("session", Date, primary_key=True),
    Column("ticker", String(32), primary_key=True),
    Column("kind", String(16), primary_key=True, comment="split, dividend, correction or late"),
    Column("replaced_at", UtcDateTime, primary_key=True, comment="until when the values below were known"),
    Column("factor", Double, comment="kept over told, of a split or dividend"),
    Column("known_at", UtcDateTime, comment="since when; NULL where there was no bar, or none was replaced"),
    Column("open", Double),
    Column("high", Double),
    Column("low", Double),
    Column("close", Double),
    Column("adj_close", Double),
    Column("volume", Double),
    Index("ix_bar_revisions_replaced", "replaced_at"),
    comment="What a provider told otherwise later, and the bars that it replaced.",
)

outside = Table(
    "outside",
    metadata,
    Column("session", Date, primary_key=True, comment="by whose close it was known"),
    Column("ticker", String(32), primary_key=True),
    Column("told_of", Date, nullable=False, comment="the session that it tells of"),
    Column("known_at", UtcDateTime, nullable=False, comment="since when the store knows it"),
    Column("off_exchange_volume", Double, comment="share of the volume"),
    Column("short_volume", Double, comment="share of the volume, part of the one above"),
    Column("premarket_volume", Double, comment="share of the session's volume"),
    Column("postmarket_volume", Double, comment="share of the session's volume"),
    Column(
        "unexplained_share",
        Double,
        comment="share of the volume that the moves of its minutes do not explain",
    ),
    Column("off_exchange_estimate", Double, comment="share of the volume, estimated where it is not told"),
    Column("estimate_r2", Double, comment="out-of-sample R2 of the ticker's estimates"),
    comment="What was traded off exchange, and before and after the session.",
)

features = Table(
    "features",
    metadata,
    Column("session", Date, primary_key=True),
    Column("ticker", String(32), primary_key=True),
    Column("vector", LargeBinary, nullable=False, comment="float64, little-endian, in the order of the set"),
    Column("feature_set", String(16), nullable=False, comment="fingerprint of the names and formulas"),
)

regimes = Table(
    "regimes",
    metadata,
    Column("session", Date, primary_key=True),
    Column("market", Double, comment="daily log return of the market; NULL where unknown"),
    Column("breadth", Double, comment="share of the universe above its 200-session mean"),
    Column(
        "name", String(32), nullable=False, comment="one of the twelve; unknown until all axes have a score"
    ),
    Column("shock", Boolean, nullable=False),
    Column("scores", JSON, nullable=False, comment="trend, volatility, breadth in interquartile ranges"),
    Column("probabilities", JSON, nullable=False, comment="of each of the twelve five sessions on"),
    comment="What each close said about the market, and the regime it made.",
)

models = Table(
    "models",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("fitted_on", Date, nullable=False),
    Column("train_from", Date, nullable=False),
    Column("train_to", Date, nullable=False),
    Column("feature_set", String(16), nullable=False),
    Column("data_hash", String(64), nullable=False, comment="SHA-256 of the training rows"),
    Column("code_hash", String(64), nullable=False, comment="SHA-256 of the forecaster's sources"),
    Column("parameters", JSON, nullable=False, comment="the whole model version"),
)

model_moves = Table(
    "model_moves",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("session", Date, comment="from whose forecasts on; NULL for the next one"),
    Column("action", String(16), nullable=False, comment="as daemon.storage.moves.Action"),
    Column("version", Integer, nullable=False, comment="in use from here on"),
    Column("before", Integer, comment="in use until then; NULL for none"),
    Column("e_value", Double, comment="of the challenge; NULL where there was none"),
    Column("gain", Double, comment="nats per forecast saved in the challenge"),
    Column("actor", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    comment="Which model was in use since when, and why; rows are only ever added.",
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
    Column("lean", Double, comment="log-odds before the past is asked how far to believe them"),
    Column("contributions", JSON, nullable=False, comment="[name, log-odds added, lean] each"),
    Column("coverage", Double, nullable=False, comment="share of the signals' weight that spoke"),
    Column("regime", String(32), nullable=False, comment="empty where unknown"),
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
    Column("came", Double, comment="1 where the target came, 0 where not, NULL undecided or unknown"),
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
    Column("n", Integer, nullable=False),
    Column("threshold", Double),
    Column("method", String(32)),
    Column("p_value", Double),
    Column("e_value", Double),
    Column("counted", Date, comment="the session in which its counters last advanced"),
    Column("blind", Integer, nullable=False, comment="sessions in a row without data"),
    Column("moves", Integer, nullable=False, comment="how often it changed its state"),
    Column("flips", JSON, nullable=False, comment="ages in sessions of its recent firings and resolutions"),
    Column("flapping", Boolean, nullable=False),
    Column("latches", Boolean, nullable=False),
    Column("acknowledged_by", String(64), nullable=False, comment="empty: nobody"),
    Column("acknowledged_at", UtcDateTime),
    Column("acknowledged_until", UtcDateTime),
    Column("silenced", Boolean, nullable=False),
    Column("inhibited", Boolean, nullable=False),
    Column("known", String(16), nullable=False, comment="what people were last told; empty: nothing"),
    Column("group_", String(96), nullable=False, comment="the group it was told in, or empty"),
    Column("told_at", UtcDateTime, comment="NULL: it reached no channel"),
    Column("escalated_at", UtcDateTime),
    Column("reason", String(32), nullable=False, comment="the newest decision, as alerts.reason"),
)

alert_transitions = Table(
    "alert_transitions",
    metadata,
    Column("fingerprint", String(160), primary_key=True),
    Column("move", Integer, primary_key=True, autoincrement=False, comment="1, 2, 3... of this alert"),
    Column("session", Date, nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("rule", String(64), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("before", String(16), nullable=False),
    Column("after", String(16), nullable=False),
    Column("value", Double),
    Column("reason", String(32), nullable=False, comment="why it was told, or not, as alerts.reason"),
)

groups = Table(
    "groups",
    metadata,
    Column("name", String(96), primary_key=True),
    Column("began", Date, comment="the session in which the newest spell of telling began"),
    Column("spell", Integer, nullable=False, comment="which one of that session, from 1"),
    Column("is_open", Boolean, nullable=False),
    Column("severity", String(8), nullable=False, comment="the worst told in the spell"),
    Column("told_at", UtcDateTime),
    Column("reason", String(32), nullable=False, comment="the newest decision, as alerts.reason"),
    Column("notes", JSON, nullable=False, comment="messages that wait for a digest"),
    Column("escalated_to", JSON, nullable=False, comment="channels the spell was escalated to"),
    comment="What people know about each group of alerts.",
)

silences = Table(
    "silences",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("rule", String(200), nullable=False, comment="a glob over the rule's name or its group's"),
    Column("subject", String(200), nullable=False, comment="a glob over the alert's subject"),
    Column("starts", UtcDateTime, nullable=False),
    Column("ends", UtcDateTime, nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("actor", String(64), nullable=False),
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
    Column("key", String(128), nullable=False, comment="GROUP/REVISION: the idempotency key"),
    Column("episode", String(64), nullable=False, comment="the spell of firing; empty where there is none"),
    Column("event", String(16), nullable=False),
    Column("status", String(16), nullable=False, comment="as `Status` in outbox.py"),
    Column("attempts", Integer, nullable=False, comment="sends that ended, however they did"),
    Column("faults", Integer, nullable=False, comment="sends that failed while the channel worked"),
    Column("copies", Integer, nullable=False, comment="sends whose reply was lost: it may have arrived"),
    Column("reference", Text, nullable=False, comment="the receiver's own name for it"),
    Column("error", Text, nullable=False),
    Column(
        "fallback", JSON, nullable=False, comment="channels to try in turn where this one does not take it"
    ),
    Column("fallback_of", String(32), nullable=False, comment="the channel that did not take it, or empty"),
    Column("folded_into", String(128), nullable=False, comment="the key of what tells it instead, or empty"),
    Column("written_wall_at", UtcDateTime, nullable=False),
    Column("fallback_wall_from", UtcDateTime, comment="waits since then; NULL where no fallback is left"),
    Column("tried_wall_at", UtcDateTime, comment="when the newest send began"),
    Column("due_wall_at", UtcDateTime, nullable=False),
    Column("lease_wall_until", UtcDateTime),
    Column("sent_wall_at", UtcDateTime),
    Index("ix_outbox_status", "status", "due_wall_at"),
    Index("ix_outbox_channel", "channel", "status"),
)

channels = Table(
    "channels",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column(
        "trouble", Text, nullable=False, comment="why people are told that it fails; empty where they are not"
    ),
    Column("critical", Boolean, nullable=False, comment="whether a critical message is among what it lost"),
    Column("lost", Integer, nullable=False, comment="messages given up since its last success"),
    Column("failing_wall_since", UtcDateTime, comment="NULL where its last send succeeded"),
    Column("held_wall_until", UtcDateTime, comment="the receiver asked for silence until then"),
    comment="Channels that fail or are held; one that has always worked has no row.",
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("beat_wall_at", UtcDateTime, nullable=False),
    comment="When the daemon last proved that the store can be written.",
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
    Column(
        "excused", JSON, nullable=False, comment="spells of alerts that a person has lifted the gate from"
    ),
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

calls = Table(
    "calls",
    metadata,
    Column("kind", String(16), primary_key=True, comment="provider, or step: a session's step that failed"),
    Column("name", String(32), primary_key=True),
    Column("began_wall_at", UtcDateTime, primary_key=True),
    Column("session", Date, nullable=False),
    Column("wall_seconds", Double, nullable=False),
    Column("outcome", String(16), nullable=False, comment="ok, empty, failed or timeout"),
    Index("ix_calls_began", "began_wall_at"),
    comment="What a running daemon asked of others and how it ended; a replay has none.",
)
