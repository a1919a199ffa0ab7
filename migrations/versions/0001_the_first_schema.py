"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column(
            "book",
            sa.String(length=16),
            nullable=False,
            comment="paper, or ungated: the same with the gate held open",
        ),
        sa.Column("cash", sa.Double(), nullable=False),
        sa.Column("equity", sa.Double(), nullable=False),
        sa.Column("peak", sa.Double(), nullable=False),
        sa.Column("exposure", sa.Double(), nullable=False),
        sa.Column("positions", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("session", "book"),
    )
    op.create_table(
        "alert_transitions",
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("fingerprint", sa.String(length=160), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("before", sa.String(length=16), nullable=False),
        sa.Column("after", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("session", "fingerprint"),
    )
    op.create_table(
        "alerts",
        sa.Column("fingerprint", sa.String(length=160), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("began", sa.Date(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("fired_for", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("fingerprint"),
    )
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "bars",
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("ticker", sa.String(length=32), nullable=False),
        sa.Column("open", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("close", sa.Double(), nullable=True),
        sa.Column("adj_close", sa.Double(), nullable=True),
        sa.Column("volume", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("session", "ticker"),
    )
    op.create_table(
        "features",
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("ticker", sa.String(length=32), nullable=False),
        sa.Column(
            "vector",
            sa.LargeBinary(),
            nullable=False,
            comment="float64, little-endian, in the order of the set",
        ),
        sa.Column(
            "feature_set",
            sa.String(length=16),
            nullable=False,
            comment="fingerprint of the names and formulas",
        ),
        sa.PrimaryKeyConstraint("session", "ticker"),
    )
    op.create_table(
        "fills",
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("ticker", sa.String(length=32), nullable=False),
        sa.Column("side", sa.String(length=4), nullable=False),
        sa.Column("ordered", sa.Date(), nullable=False),
        sa.Column("shares", sa.Integer(), nullable=False),
        sa.Column("price", sa.Double(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=False, comment="USD"),
        sa.PrimaryKeyConstraint("session", "ticker", "side"),
    )
    op.create_table(
        "forecasts",
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("ticker", sa.String(length=32), nullable=False),
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("horizon", sa.Integer(), nullable=False, comment="sessions"),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("log_odds", sa.Double(), nullable=True),
        sa.Column("contributions", sa.JSON(), nullable=False),
        sa.Column("reasoning", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session", "ticker"),
    )
    op.create_table(
        "gate_transitions",
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "session", sa.Date(), nullable=True, comment="the session judged; NULL for a person's command"
        ),
        sa.Column("before", sa.String(length=16), nullable=False),
        sa.Column("after", sa.String(length=16), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("scope", "epoch"),
    )
    op.create_table(
        "gates",
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("latched", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column(
            "lifted",
            sa.Boolean(),
            nullable=False,
            comment="a rule's latch was lifted; the next settlement starts anew",
        ),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("scope"),
    )
    op.create_table(
        "models",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fitted_on", sa.Date(), nullable=False),
        sa.Column("train_from", sa.Date(), nullable=False),
        sa.Column("train_to", sa.Date(), nullable=False),
        sa.Column("feature_set", sa.String(length=16), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "monitor_states",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "orders",
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("ticker", sa.String(length=32), nullable=False),
        sa.Column("side", sa.String(length=4), nullable=False),
        sa.Column("shares", sa.Integer(), nullable=False),
        sa.Column("reducing", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "status", sa.String(length=16), nullable=False, comment="open, filled, failed or cancelled"
        ),
        sa.Column("status_reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session", "ticker", "side"),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index("ix_orders_status", ["status"], unique=False)

    op.create_table(
        "origin",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        comment="What this store belongs to: a live daemon, or the replay of one history.",
    )
    op.create_table(
        "outbox",
        sa.Column("group_", sa.String(length=96), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False, comment="0 info, 1 warning, 2 critical"),
        sa.Column("message", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "status",
            sa.String(length=8),
            nullable=False,
            comment="pending, claimed, sent, failed, retry or unknown",
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False, comment="the receiver's own name for it"),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("due_wall_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_wall_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_wall_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("group_", "revision", "channel"),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_status", ["status", "due_wall_at"], unique=False)

    op.create_table(
        "outcomes",
        sa.Column("session", sa.Date(), nullable=False, comment="of the forecast"),
        sa.Column("ticker", sa.String(length=32), nullable=False),
        sa.Column("resolved", sa.Date(), nullable=False),
        sa.Column("return_", sa.Double(), nullable=True),
        sa.Column("median", sa.Double(), nullable=True),
        sa.Column(
            "beat", sa.Double(), nullable=True, comment="1 above the median, 0 below, NULL at it or unknown"
        ),
        sa.PrimaryKeyConstraint("session", "ticker"),
    )
    with op.batch_alter_table("outcomes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outcomes_resolved"), ["resolved"], unique=False)

    op.create_table(
        "readings",
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("metric", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("monitor", sa.String(length=32), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("method", sa.String(length=32), nullable=True),
        sa.Column("p_value", sa.Double(), nullable=True),
        sa.Column("e_value", sa.Double(), nullable=True),
        sa.Column("reason", sa.String(length=16), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session", "metric", "subject"),
    )
    op.create_table(
        "runs",
        sa.Column("job", sa.String(length=32), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("started_wall_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_wall_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("job", "due_at"),
    )
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_runs_session"), ["session"], unique=False)

    op.create_table(
        "sessions",
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("calendar", sa.String(length=32), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bars", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("session"),
    )
    op.create_table(
        "trades",
        sa.Column("opened", sa.Date(), nullable=False),
        sa.Column("ticker", sa.String(length=32), nullable=False),
        sa.Column("closed", sa.Date(), nullable=False),
        sa.Column("shares", sa.Integer(), nullable=False),
        sa.Column("entry", sa.Double(), nullable=False),
        sa.Column("exit", sa.Double(), nullable=False),
        sa.Column("pnl", sa.Double(), nullable=False, comment="USD after costs"),
        sa.Column("return_", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("opened", "ticker"),
    )
    with op.batch_alter_table("trades", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_trades_closed"), ["closed"], unique=False)

    op.create_table(
        "ungated_orders",
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("orders", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("session"),
        comment="What the book with the gate held open wants to trade at the next open.",
    )


def downgrade() -> None:
    op.drop_table("ungated_orders")
    with op.batch_alter_table("trades", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_trades_closed"))

    op.drop_table("trades")
    op.drop_table("sessions")
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_runs_session"))

    op.drop_table("runs")
    op.drop_table("readings")
    with op.batch_alter_table("outcomes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outcomes_resolved"))

    op.drop_table("outcomes")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_status")

    op.drop_table("outbox")
    op.drop_table("origin")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index("ix_orders_status")

    op.drop_table("orders")
    op.drop_table("monitor_states")
    op.drop_table("models")
    op.drop_table("gates")
    op.drop_table("gate_transitions")
    op.drop_table("forecasts")
    op.drop_table("fills")
    op.drop_table("features")
    op.drop_table("bars")
    op.drop_table("audit")
    op.drop_table("alerts")
    op.drop_table("alert_transitions")
    op.drop_table("accounts")
