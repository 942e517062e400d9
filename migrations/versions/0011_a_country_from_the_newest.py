"""The candidates of a country are found in the order in which they were created.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The old one goes last: who reads would wait for all that comes after it.
    op.create_index(
        "candidate_by_country_and_creation",
        "candidate",
        ["account_id", sa.text('(lower(country) COLLATE "C")'), sa.text("created_at DESC"), sa.text("id DESC")],
    )
    op.drop_index("candidate_by_country", "candidate")
    op.execute("ALTER INDEX candidate_by_country_and_creation RENAME TO candidate_by_country")


def downgrade() -> None:
    op.drop_index("candidate_by_country", "candidate")
    op.create_index("candidate_by_country", "candidate", ["account_id", sa.text('(lower(country) COLLATE "C")')])
