"""What a large addition was frozen at, so that its chunks need not ask again who may join.

Revision ID: 0009
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("endpoint_usage", sa.Column("facts", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("membership_operation", sa.Column("facts", sa.BigInteger(), nullable=True))
    op.add_column("membership_operation", sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("membership_operation", "frozen_at")
    op.drop_column("membership_operation", "facts")
    op.drop_column("endpoint_usage", "facts")
