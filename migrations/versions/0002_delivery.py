"""What delivery needs: keys, episodes, fallbacks, folding, the channels' own state, the store's heartbeat."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("key", sa.String(length=128), comment="GROUP/REVISION: the idempotency key")
        )
        batch_op.add_column(
            sa.Column(
                "episode", sa.String(length=64), comment="the spell of firing; empty where there is none"
            )
        )
        batch_op.add_column(sa.Column("event", sa.String(length=16)))
        batch_op.add_column(
            sa.Column(
                "fallback", sa.JSON(), comment="channels to try in turn where this one does not take it"
            )
        )
        batch_op.add_column(
            sa.Column(
                "fallback_of", sa.String(length=32), comment="the channel that did not take it, or empty"
            )
        )
        batch_op.add_column(
            sa.Column(
                "folded_into", sa.String(length=128), comment="the key of what tells it instead, or empty"
            )
        )
        batch_op.add_column(sa.Column("written_wall_at", sa.DateTime(timezone=True)))
        batch_op.add_column(
            sa.Column(
                "fallback_wall_from",
                sa.DateTime(timezone=True),
                comment="waits since then; NULL where no fallback is left",
            )
        )
        batch_op.add_column(
            sa.Column("tried_wall_at", sa.DateTime(timezone=True), comment="when the newest send began")
        )
        batch_op.alter_column(
            "status",
            existing_type=sa.String(length=8),
            type_=sa.String(length=16),
            existing_nullable=False,
            comment="as `Status` in outbox.py",
        )
        batch_op.alter_column(
            "attempts",
            existing_type=sa.Integer(),
            existing_nullable=False,
            comment="sends that failed while the channel worked",
        )

    op.execute(
        "UPDATE outbox SET key = group_ || '/' || CAST(revision AS VARCHAR(12)), episode = '', event = '', "
        "fallback = '[]', fallback_of = '', folded_into = '', written_wall_at = due_wall_at"
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        for name, kind in (
            ("key", sa.String(length=128)),
            ("episode", sa.String(length=64)),
            ("event", sa.String(length=16)),
            ("fallback", sa.JSON()),
            ("fallback_of", sa.String(length=32)),
            ("folded_into", sa.String(length=128)),
            ("written_wall_at", sa.DateTime(timezone=True)),
        ):
            batch_op.alter_column(name, existing_type=kind, nullable=False)
        batch_op.create_index("ix_outbox_channel", ["channel", "status"], unique=False)

    op.create_table(
        "channels",
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column(
            "trouble",
            sa.Text(),
            nullable=False,
            comment="why people are told that it fails; empty where they are not",
        ),
        sa.Column(
            "critical",
            sa.Boolean(),
            nullable=False,
            comment="whether a critical message is among what it lost",
        ),
        sa.Column(
            "failing_wall_since",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="NULL where its last send succeeded",
        ),
        sa.Column(
            "held_wall_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the receiver asked for silence until then",
        ),
        sa.PrimaryKeyConstraint("channel"),
        comment="Channels that fail or are held; one that has always worked has no row.",
    )
    op.create_table(
        "heartbeats",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("beat_wall_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        comment="When the daemon last proved that the store can be written.",
    )


def downgrade() -> None:
    op.drop_table("heartbeats")
    op.drop_table("channels")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_channel")
        batch_op.alter_column("attempts", existing_type=sa.Integer(), existing_nullable=False, comment=None)
        batch_op.alter_column(
            "status",
            existing_type=sa.String(length=16),
            type_=sa.String(length=8),
            existing_nullable=False,
            comment="pending, claimed, sent, failed, retry or unknown",
        )
        for name in (
            "tried_wall_at",
            "fallback_wall_from",
            "written_wall_at",
            "folded_into",
            "fallback_of",
            "fallback",
            "event",
            "episode",
            "key",
        ):
            batch_op.drop_column(name)
