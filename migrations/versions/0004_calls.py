"""What a running daemon asked of others: calls of providers, and steps that failed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "calls",
        sa.Column(
            "kind",
            sa.String(length=16),
            nullable=False,
            comment="provider, or step: a session's step that failed",
        ),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("began_wall_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("wall_seconds", sa.Double(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False, comment="ok, empty, failed or timeout"),
        sa.PrimaryKeyConstraint("kind", "name", "began_wall_at"),
        comment="What a running daemon asked of others and how it ended; a replay has none.",
    )
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.create_index("ix_calls_began", ["began_wall_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.drop_index("ix_calls_began")
    op.drop_table("calls")
