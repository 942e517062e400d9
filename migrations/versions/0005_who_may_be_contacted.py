"""What changes of eligibility need: demands that are being enforced, erased people in counts, numbers looked up.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("policy_requirement", sa.Column("enforcing_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("endpoint_usage", sa.Column("lapses_queued_until", sa.DateTime(timezone=True), nullable=True))
    for column in ("erased_added_count", "erased_removed_count"):
        op.add_column("membership_operation", sa.Column(column, sa.Integer(), server_default="0", nullable=False))
    op.create_index(
        "candidate_by_mobile",
        "candidate",
        ["account_id", "verified_mobile"],
        postgresql_where=sa.text("verified_mobile IS NOT NULL"),
    )
    op.create_index("idempotency_key_by_age", "idempotency_key", ["account_id", "created_at"])


def downgrade() -> None:
    op.drop_index("idempotency_key_by_age", "idempotency_key")
    op.drop_index("candidate_by_mobile", "candidate")
    for column in ("erased_removed_count", "erased_added_count"):
        op.drop_column("membership_operation", column)
    op.drop_column("endpoint_usage", "lapses_queued_until")
    op.drop_column("policy_requirement", "enforcing_since")
