"""Large changes of membership run in the background: what they still have to do, and what they hold."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UNFINISHED = sa.text("status IN ('QUEUED', 'RUNNING')")
UNDONE = sa.text("undoes IS NOT NULL AND status NOT IN ('CANCELLED', 'FAILED')")


def upgrade() -> None:
    for column in (
        sa.Column("undoes", sa.UUID(), nullable=True),
        sa.Column("reserved", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cursor", sa.UUID(), nullable=True),
        sa.Column("stepped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("membership_operation", column)
    op.create_check_constraint("membership_operation_reserved", "membership_operation", "reserved >= 0")
    op.create_index(
        "membership_operation_unfinished", "membership_operation", ["account_id", "id"], postgresql_where=UNFINISHED
    )
    op.create_index(
        "membership_operation_by_undone",
        "membership_operation",
        ["account_id", "undoes"],
        unique=True,
        postgresql_where=UNDONE,
    )
    op.create_table(
        "pending_candidate",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("operation_id", sa.UUID(), nullable=False),
        sa.Column("last_candidate_id", sa.UUID(), nullable=False),
        sa.Column("candidate_ids", sa.ARRAY(sa.UUID()), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "operation_id", "last_candidate_id"),
    )
    # Ids do not compress, and these are read once.
    op.execute("ALTER TABLE pending_candidate ALTER COLUMN candidate_ids SET STORAGE EXTERNAL")


def downgrade() -> None:
    op.drop_table("pending_candidate")
    op.drop_index("membership_operation_by_undone", "membership_operation")
    op.drop_index("membership_operation_unfinished", "membership_operation")
    op.drop_constraint("membership_operation_reserved", "membership_operation")
    for column in ("retry_at", "attempts", "stepped_at", "cursor", "reserved", "undoes"):
        op.drop_column("membership_operation", column)
