"""Who was in a segment at a moment is found by an index.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "past_segment_member_by_addition",
        "past_segment_member",
        ["account_id", "segment_id", "added_at", "candidate_id", "removed_at"],
    )


def downgrade() -> None:
    op.drop_index("past_segment_member_by_addition", "past_segment_member")
