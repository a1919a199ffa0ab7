"""The share traded off exchange as minute bars estimate it, and what the next estimates need."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

COLUMNS = {
    "unexplained_share": "share of the volume that the moves of its minutes do not explain",
    "off_exchange_estimate": "share of the volume, estimated where it is not told",
    "estimate_r2": "out-of-sample R2 of the ticker's estimates",
}


def upgrade() -> None:
    with op.batch_alter_table("outside", schema=None) as batch_op:
        for name, comment in COLUMNS.items():
            batch_op.add_column(sa.Column(name, sa.Double(), nullable=True, comment=comment))


def downgrade() -> None:
    with op.batch_alter_table("outside", schema=None) as batch_op:
        for name in reversed(COLUMNS):
            batch_op.drop_column(name)
