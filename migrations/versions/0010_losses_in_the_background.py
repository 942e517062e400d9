"""Since when queued operations have been ending memberships of people who may no longer be in.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("endpoint_usage", sa.Column("losing_since", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("endpoint_usage", "losing_since")
