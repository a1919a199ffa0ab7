"""What telling needs: marks on alerts, several moves a session, groups and silences."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Columns = tuple[tuple[str, TypeEngine[Any], str, str | None], ...]

ADDED: Columns = (
    ("n", sa.Integer(), "0", None),
    ("blind", sa.Integer(), "0", "sessions in a row without data"),
    ("moves", sa.Integer(), "0", "how often it changed its state"),
    ("flips", sa.JSON(), "'[]'", "ages in sessions of its recent firings and resolutions"),
    ("flapping", sa.Boolean(), "FALSE", None),
    ("latches", sa.Boolean(), "FALSE", None),
    ("acknowledged_by", sa.String(length=64), "''", "empty: nobody"),
    ("silenced", sa.Boolean(), "FALSE", None),
    ("inhibited", sa.Boolean(), "FALSE", None),
    ("known", sa.String(length=16), "''", "what people were last told; empty: nothing"),
    ("group_", sa.String(length=96), "''", "the group it was told in, or empty"),
    ("reason", sa.String(length=32), "'unchanged'", "the newest decision, as alerts.reason"),
)
UNKNOWN: Columns = (
    ("threshold", sa.Double(), "", None),
    ("method", sa.String(length=32), "", None),
    ("p_value", sa.Double(), "", None),
    ("e_value", sa.Double(), "", None),
    ("counted", sa.Date(), "", "the session in which its counters last advanced"),
    ("told_at", sa.DateTime(timezone=True), "", "NULL: it reached no channel"),
    ("escalated_at", sa.DateTime(timezone=True), "", None),
    ("acknowledged_at", sa.DateTime(timezone=True), "", None),
    ("acknowledged_until", sa.DateTime(timezone=True), "", None),
)


def upgrade() -> None:
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        for name, kind, _, comment in (*ADDED, *UNKNOWN):
            batch_op.add_column(sa.Column(name, kind, nullable=True, comment=comment))
    op.execute("UPDATE alerts SET " + ", ".join(f"{name} = {value}" for name, _, value, _ in ADDED))  # noqa: S608
    # what fires was told under the rule's own name, so it is not told again
    op.execute("UPDATE alerts SET known = 'firing', group_ = rule, reason = 'first' WHERE state = 'firing'")
    op.execute(
        "UPDATE alerts SET moves = (SELECT count(*) FROM alert_transitions AS moved "
        "WHERE moved.fingerprint = alerts.fingerprint)"
    )
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        for name, kind, _, comment in ADDED:
            batch_op.alter_column(name, existing_type=kind, existing_comment=comment, nullable=False)
    _number_the_moves()
    op.create_table(
        "groups",
        sa.Column("name", sa.String(length=96), nullable=False),
        sa.Column(
            "began",
            sa.Date(),
            nullable=True,
            comment="the session in which the newest spell of telling began",
        ),
        sa.Column("spell", sa.Integer(), nullable=False, comment="which one of that session, from 1"),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("severity", sa.String(length=8), nullable=False, comment="the worst told in the spell"),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "reason", sa.String(length=32), nullable=False, comment="the newest decision, as alerts.reason"
        ),
        sa.Column("notes", sa.JSON(), nullable=False, comment="messages that wait for a digest"),
        sa.PrimaryKeyConstraint("name"),
        comment="What people know about each group of alerts.",
    )
    op.create_table(
        "silences",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "rule", sa.String(length=64), nullable=False, comment="a glob over the rule's name or its group's"
        ),
        sa.Column("subject", sa.String(length=64), nullable=False, comment="a glob over the alert's subject"),
        sa.Column("starts", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_silences_ends", "silences", ["ends"], unique=False)


def _number_the_moves() -> None:
    """Key the transitions by alert and move instead of by session and alert."""
    op.create_table(
        "alert_transitions_new",
        sa.Column("fingerprint", sa.String(length=160), nullable=False),
        sa.Column(
            "move", sa.Integer(), autoincrement=False, nullable=False, comment="1, 2, 3... of this alert"
        ),
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("before", sa.String(length=16), nullable=False),
        sa.Column("after", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column(
            "reason",
            sa.String(length=32),
            nullable=False,
            comment="why it was told, or not, as alerts.reason",
        ),
        sa.PrimaryKeyConstraint("fingerprint", "move"),
    )
    op.execute(
        "INSERT INTO alert_transitions_new "
        "(fingerprint, move, session, at, rule, subject, before, after, value, reason) "
        "SELECT moved.fingerprint, "
        "row_number() OVER (PARTITION BY moved.fingerprint ORDER BY moved.session), "
        "moved.session, runs.due_at, moved.rule, moved.subject, moved.before, moved.after, moved.value, "
        "'unchanged' FROM alert_transitions AS moved "
        "JOIN runs ON runs.session = moved.session AND runs.job = 'judge'"
    )
    op.drop_table("alert_transitions")
    op.rename_table("alert_transitions_new", "alert_transitions")
    op.create_index("ix_alert_transitions_session", "alert_transitions", ["session"], unique=False)


def downgrade() -> None:
    op.drop_table("silences")
    op.drop_table("groups")
    op.create_table(
        "alert_transitions_old",
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("fingerprint", sa.String(length=160), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("before", sa.String(length=16), nullable=False),
        sa.Column("after", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("session", "fingerprint"),
    )
    op.execute(
        "INSERT INTO alert_transitions_old (session, fingerprint, rule, subject, before, after, value) "
        "SELECT moved.session, moved.fingerprint, moved.rule, moved.subject, moved.before, moved.after, "
        "moved.value FROM alert_transitions AS moved WHERE moved.move = (SELECT max(last.move) "
        "FROM alert_transitions AS last WHERE last.fingerprint = moved.fingerprint "
        "AND last.session = moved.session)"
    )
    op.drop_table("alert_transitions")
    op.rename_table("alert_transitions_old", "alert_transitions")
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        for name, *_ in (*ADDED, *UNKNOWN):
            batch_op.drop_column(name)
