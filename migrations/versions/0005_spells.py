"""What the end of a spell needs: who was escalated to, what was lifted; and copies beside attempts."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ADDED = (
    ("outbox", "faults", sa.Integer(), "attempts", "sends that failed while the channel worked"),
    ("outbox", "copies", sa.Integer(), "0", "sends whose reply was lost: it may have arrived"),
    ("groups", "escalated_to", sa.JSON(), "'[]'", "channels the spell was escalated to"),
    ("channels", "lost", sa.Integer(), "0", "messages given up since its last success"),
    ("gates", "excused", sa.JSON(), "'[]'", "spells of alerts that a person has lifted the gate from"),
)
GLOBS = {"rule": "a glob over the rule's name or its group's", "subject": "a glob over the alert's subject"}
ATTEMPTS = ("sends that failed while the channel worked", "sends that ended, however they did")


def upgrade() -> None:
    for table, name, kind, value, comment in ADDED:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column(name, kind, nullable=True, comment=comment))
        op.execute(f"UPDATE {table} SET {name} = {value}")  # noqa: S608
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column(name, existing_type=kind, existing_comment=comment, nullable=False)
    _comment_attempts(*ATTEMPTS)
    _widen_globs(64, 200)


def downgrade() -> None:
    _widen_globs(200, 64)
    for table, name, *_ in ADDED:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column(name)
    _comment_attempts(*reversed(ATTEMPTS))


def _widen_globs(before: int, after: int) -> None:
    """Make room for a name whose every character is escaped."""
    with op.batch_alter_table("silences", schema=None) as batch_op:
        for name in ("rule", "subject"):
            batch_op.alter_column(
                name,
                existing_type=sa.String(length=before),
                type_=sa.String(length=after),
                existing_nullable=False,
                existing_comment=GLOBS[name],
            )


def _comment_attempts(before: str, after: str) -> None:
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.alter_column(
            "attempts",
            existing_type=sa.Integer(),
            existing_nullable=False,
            existing_comment=before,
            comment=after,
        )
