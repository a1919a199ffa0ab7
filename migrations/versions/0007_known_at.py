"""Since when each bar is known, and what it replaced; older bars count as known when they were due."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KNOWN = "since when these values are known"
DUE = """
UPDATE bars SET known_at = COALESCE(
    (SELECT due_at FROM runs WHERE runs.job = 'ingest' AND runs.session = bars.session),
    (SELECT closed_at FROM sessions WHERE sessions.session = bars.session)
)
"""


def upgrade() -> None:
    with op.batch_alter_table("bars", schema=None) as batch_op:
        batch_op.add_column(sa.Column("known_at", sa.DateTime(timezone=True), nullable=True, comment=KNOWN))
    op.execute(DUE)
    with op.batch_alter_table("bars", schema=None) as batch_op:
        batch_op.alter_column(
            "known_at",
            existing_type=sa.DateTime(timezone=True),
            existing_comment=KNOWN,
            nullable=False,
        )
    op.create_table(
        "bar_revisions",
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("ticker", sa.String(length=32), nullable=False),
        sa.Column(
            "kind", sa.String(length=16), nullable=False, comment="split, dividend, correction or late"
        ),
        sa.Column(
            "replaced_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="until when the values below were known",
        ),
        sa.Column("factor", sa.Double(), nullable=True, comment="kept over told, of a split or dividend"),
        sa.Column(
            "known_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="since when; NULL where there was no bar, or none was replaced",
        ),
        *(
            sa.Column(name, sa.Double(), nullable=True)
            for name in ("open", "high", "low", "close", "adj_close", "volume")
        ),
        sa.PrimaryKeyConstraint("session", "ticker", "kind", "replaced_at"),
        comment="What a provider told otherwise later, and the bars that it replaced.",
    )
    with op.batch_alter_table("bar_revisions", schema=None) as batch_op:
        batch_op.create_index("ix_bar_revisions_replaced", ["replaced_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("bar_revisions", schema=None) as batch_op:
        batch_op.drop_index("ix_bar_revisions_replaced")
    op.drop_table("bar_revisions")
    with op.batch_alter_table("bars", schema=None) as batch_op:
        batch_op.drop_column("known_at")
