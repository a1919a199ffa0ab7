"""What was traded off exchange, and before and after the session."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outside",
        sa.Column("session", sa.Date(), nullable=False, comment="by whose close it was known"),
        sa.Column("ticker", sa.String(length=32), nullable=False),
        sa.Column("told_of", sa.Date(), nullable=False, comment="the session that it tells of"),
        sa.Column(
            "known_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="since when the store knows it",
        ),
        sa.Column("off_exchange_volume", sa.Double(), nullable=True, comment="share of the volume"),
        sa.Column(
            "short_volume", sa.Double(), nullable=True, comment="share of the volume, part of the one above"
        ),
        sa.Column("premarket_volume", sa.Double(), nullable=True, comment="share of the session's volume"),
        sa.Column("postmarket_volume", sa.Double(), nullable=True, comment="share of the session's volume"),
        sa.PrimaryKeyConstraint("session", "ticker"),
        comment="What was traded off exchange, and before and after the session.",
    )


def downgrade() -> None:
    op.drop_table("outside")
