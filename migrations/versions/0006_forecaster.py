"""The forecaster: regimes, model versions and which was in use, what a forecast rests on."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

HASHES = (
    ("data_hash", "SHA-256 of the training rows"),
    ("code_hash", "SHA-256 of the forecaster's sources"),
)


def upgrade() -> None:
    op.create_table(
        "regimes",
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column(
            "market", sa.Double(), nullable=True, comment="daily log return of the market; NULL where unknown"
        ),
        sa.Column(
            "breadth", sa.Double(), nullable=True, comment="share of the universe above its 200-session mean"
        ),
        sa.Column(
            "name",
            sa.String(length=32),
            nullable=False,
            comment="one of the twelve; unknown until all axes have a score",
        ),
        sa.Column("shock", sa.Boolean(), nullable=False),
        sa.Column(
            "scores", sa.JSON(), nullable=False, comment="trend, volatility, breadth in interquartile ranges"
        ),
        sa.Column(
            "probabilities", sa.JSON(), nullable=False, comment="of each of the twelve five sessions on"
        ),
        sa.PrimaryKeyConstraint("session"),
        comment="What each close said about the market, and the regime it made.",
    )
    with op.batch_alter_table("models", schema=None) as batch_op:
        for name, comment in HASHES:
            batch_op.add_column(
                sa.Column(name, sa.String(length=64), nullable=False, server_default="", comment=comment)
            )
        batch_op.alter_column(
            "parameters",
            existing_type=sa.JSON(),
            existing_nullable=False,
            existing_comment=None,
            comment="the whole model version",
        )
    with op.batch_alter_table("models", schema=None) as batch_op:
        for name, comment in HASHES:
            batch_op.alter_column(
                name,
                existing_type=sa.String(length=64),
                existing_nullable=False,
                existing_comment=comment,
                server_default=None,
            )
    op.create_table(
        "model_moves",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "session",
            sa.Date(),
            nullable=True,
            comment="from whose forecasts on; NULL for the next one",
        ),
        sa.Column("action", sa.String(length=16), nullable=False, comment="as daemon.storage.moves.Action"),
        sa.Column("version", sa.Integer(), nullable=False, comment="in use from here on"),
        sa.Column("before", sa.Integer(), nullable=True, comment="in use until then; NULL for none"),
        sa.Column(
            "e_value", sa.Double(), nullable=True, comment="of the challenge; NULL where there was none"
        ),
        sa.Column("gain", sa.Double(), nullable=True, comment="nats per forecast saved in the challenge"),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        comment="Which model was in use since when, and why; rows are only ever added.",
    )
    with op.batch_alter_table("forecasts", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "lean",
                sa.Double(),
                nullable=True,
                comment="log-odds before the past is asked how far to believe them",
            )
        )
        batch_op.add_column(
            sa.Column(
                "coverage",
                sa.Double(),
                nullable=False,
                server_default="1",
                comment="share of the signals' weight that spoke",
            )
        )
        batch_op.add_column(
            sa.Column(
                "regime",
                sa.String(length=32),
                nullable=False,
                server_default="",
                comment="empty where unknown",
            )
        )
        batch_op.alter_column(
            "contributions",
            existing_type=sa.JSON(),
            existing_nullable=False,
            existing_comment=None,
            comment="[name, log-odds added, lean] each",
        )
    with op.batch_alter_table("forecasts", schema=None) as batch_op:
        batch_op.alter_column(
            "coverage",
            existing_type=sa.Double(),
            existing_nullable=False,
            existing_comment="share of the signals' weight that spoke",
            server_default=None,
        )
        batch_op.alter_column(
            "regime",
            existing_type=sa.String(length=32),
            existing_nullable=False,
            existing_comment="empty where unknown",
            server_default=None,
        )
    with op.batch_alter_table("outcomes", schema=None) as batch_op:
        batch_op.alter_column(
            "beat",
            new_column_name="came",
            existing_type=sa.Double(),
            existing_nullable=True,
            existing_comment="1 above the median, 0 below, NULL at it or unknown",
            comment="1 where the target came, 0 where not, NULL undecided or unknown",
        )
    op.execute("UPDATE forecasts SET contributions = '[]'")  # they named features of a model that is gone
    op.execute("DELETE FROM models")


def downgrade() -> None:
    with op.batch_alter_table("outcomes", schema=None) as batch_op:
        batch_op.alter_column(
            "came",
            new_column_name="beat",
            existing_type=sa.Double(),
            existing_nullable=True,
            existing_comment="1 where the target came, 0 where not, NULL undecided or unknown",
            comment="1 above the median, 0 below, NULL at it or unknown",
        )
    with op.batch_alter_table("forecasts", schema=None) as batch_op:
        for name in ("lean", "coverage", "regime"):
            batch_op.drop_column(name)
        batch_op.alter_column(
            "contributions",
            existing_type=sa.JSON(),
            existing_nullable=False,
            existing_comment="[name, log-odds added, lean] each",
            comment=None,
        )
    op.drop_table("model_moves")
    with op.batch_alter_table("models", schema=None) as batch_op:
        for name, _ in HASHES:
            batch_op.drop_column(name)
        batch_op.alter_column(
            "parameters",
            existing_type=sa.JSON(),
            existing_nullable=False,
            existing_comment="the whole model version",
            comment=None,
        )
    op.drop_table("regimes")
