"""The tables, and the functions that turn text into words to search by.

Revision ID: 0001
Revises: nothing
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

CHANNEL = postgresql.ENUM("EMAIL", "SMS", name="channel", create_type=False)
OPERATION_KIND = postgresql.ENUM(
    "ADD", "REMOVE", "UNDO", "ELIGIBILITY_LOST", name="membership_operation_kind", create_type=False
)
OPERATION_STATUS = postgresql.ENUM(
    "QUEUED", "RUNNING", "COMPLETED", "CANCELLED", "FAILED", name="membership_operation_status", create_type=False
)
ENUMS = (CHANNEL, OPERATION_KIND, OPERATION_STATUS)

# Letters without case and accents, in any script. ASCII, the common case, skips the costly part.
FOLD = r"""
CREATE FUNCTION fold(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN
CASE WHEN octet_length(value) = length(value) THEN lower(value)
ELSE replace(replace(replace(replace(
  translate(lower(regexp_replace(normalize(value, NFKD), '[\u0300-\u036f]+', '', 'g')), 'øłđðħıŧς', 'olddhitσ'),
  'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th')
END
"""

# The words of a text. Separators are spelled out rather than taken from the locale; + and # belong to C++ and C#.
# A lexeme holds 2,046 bytes at most, so an absurdly long word is cut; fold makes a character of a word six times as
# long at most, where one sign stands for a Japanese word.
WORDS = r"""
CREATE FUNCTION words(value text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN
array_remove(regexp_split_to_array(
  CASE WHEN octet_length(value) <= CASE WHEN octet_length(value) = length(value) THEN 500 ELSE 340 END THEN fold(value)
  ELSE regexp_replace(fold(value), '(\S{250})\S+', '\1', 'g') END,
  '[\u0001-"$-*,-/:-@\[-`{-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u2000-\u206f\u3000-\u303f]+'), '')
"""

# What a candidate is found by: words; and each skill, whole, whether a mobile
# is verified, and each sign of a Chinese, Japanese or Korean name, behind prefixes that no word can have.
CANDIDATE_WORDS = r"""
CREATE FUNCTION candidate_words(
  first_name text, last_name text, email text, headline text, skills text[], city text, verified_mobile text
) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
array_to_tsvector(
  words(first_name || ' ' || last_name || coalesce(' ' || email, '') || coalesce(' ' || headline, '')
    || coalesce(' ' || city, '') || ' ' || array_to_string(skills, ' '))
  || CASE WHEN skills = '{}' THEN '{}'
    ELSE string_to_array('skill:' || lower(array_to_string(skills, E'\x01skill:')), E'\x01') END
  || CASE WHEN verified_mobile IS NULL THEN 'mobile:none' ELSE 'mobile:verified' END
  || CASE WHEN octet_length(first_name || last_name) = length(first_name || last_name) THEN '{}'
    ELSE string_to_array('sign:' || array_to_string(string_to_array(
      nullif(regexp_replace(lower(first_name || last_name), '[\u0001-\u2e7f]+', '', 'g'), ''),
      NULL), E'\x01sign:'), E'\x01') END)
"""

# A query for tags, as `candidate_words` writes them: kind is skill or sign, operator & (all) or | (any).
TAGS_QUERY = r"""
CREATE FUNCTION tags_query(kind text, tags text[], operator text) RETURNS tsquery
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN
CASE WHEN tags = '{}' THEN NULL
ELSE ('''' || kind || ':'
  || replace(replace(replace(lower(array_to_string(tags, E'\x01')), '\', '\\'), '''', ''''''),
    E'\x01', ''' ' || operator || ' ''' || kind || ':')
  || '''')::tsquery END
"""

# A query for every word of a text, the last one as a prefix; NULL when the text has no word.
WORDS_QUERY = r"""
CREATE FUNCTION words_query(value text) RETURNS tsquery LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN
CASE WHEN words(value) = '{}' THEN NULL
ELSE ('''' || array_to_string(words(value), ''' & ''') || ''':*')::tsquery END
"""


# Of the same words those that an index looks up: all but the last, when that has one letter or two.
SETTLED_WORDS_QUERY = r"""
CREATE FUNCTION settled_words_query(value text) RETURNS tsquery LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN
CASE WHEN cardinality(words(value)) > 1 AND length((words(value))[cardinality(words(value))]) < 3
THEN ('''' || array_to_string(trim_array(words(value), 1), ''' & ''') || '''')::tsquery
ELSE words_query(value) END
"""


def upgrade() -> None:
    database = op.get_bind()
    for statement in (
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
        "CREATE EXTENSION IF NOT EXISTS btree_gin",
        FOLD,
        WORDS,
        CANDIDATE_WORDS,
        TAGS_QUERY,
        WORDS_QUERY,
        SETTLED_WORDS_QUERY,
    ):
        database.exec_driver_sql(statement)
    for kind in ENUMS:
        kind.create(database)
    op.create_table(
        "account",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("account_name", "account", [sa.literal_column("lower(name)")], unique=True)
    op.create_table(
        "application",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("candidate_id", sa.UUID(), nullable=False),
        sa.Column("vacancy_id", sa.UUID(), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "candidate_id", "vacancy_id"),
    )
    op.create_index(
        "application_by_vacancy",
        "application",
        ["account_id", "vacancy_id", sa.literal_column("applied_at DESC"), sa.literal_column("candidate_id DESC")],
        unique=False,
    )
    op.create_table(
        "candidate",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("first_name", sa.String(), nullable=False),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("mobile", sa.String(), nullable=True),
        sa.Column("verified_mobile", sa.String(), nullable=True),
        sa.Column("city", sa.String(), nullable=True),
        sa.Column("country", sa.String(), nullable=True),
        sa.Column("headline", sa.String(), nullable=True),
        sa.Column("skills", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed(
                "candidate_words(first_name, last_name, email, headline, skills, city, verified_mobile)", persisted=True
            ),
            nullable=True,
        ),
        sa.PrimaryKeyConstraint("account_id", "id"),
    )
    op.create_index(
        "candidate_by_external_id",
        "candidate",
        ["account_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_index(
        "candidate_by_creation",
        "candidate",
        ["account_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
    )
    op.create_index(
        "candidate_by_name",
        "candidate",
        [
            "account_id",
            sa.text('(lower(last_name) COLLATE "C")'),
            sa.text('(lower(first_name) COLLATE "C")'),
            "id",
        ],
    )
    op.create_index(
        "candidate_by_email",
        "candidate",
        ["account_id", sa.text('(lower(email) COLLATE "C")')],
    )
    op.create_index(
        "candidate_by_city",
        "candidate",
        ["account_id", sa.text('(lower(city) COLLATE "C")')],
    )
    op.create_index(
        "candidate_by_country",
        "candidate",
        ["account_id", sa.text('(lower(country) COLLATE "C")')],
    )
    op.create_index("candidate_by_words", "candidate", ["account_id", "search"], postgresql_using="gin")
    op.create_index(
        "candidate_by_letters",
        "candidate",
        [
            "account_id",
            sa.literal_column("lower(first_name || ' ' || last_name)").label("name"),
            sa.literal_column('(lower(email) COLLATE "C")').label("address"),
            sa.literal_column('(lower(city) COLLATE "C")').label("place"),
        ],
        postgresql_ops={"name": "gin_trgm_ops", "address": "gin_trgm_ops", "place": "gin_trgm_ops"},
        postgresql_using="gin",
    )
    op.create_table(
        "candidate_list_member",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("list_id", sa.UUID(), nullable=False),
        sa.Column("candidate_id", sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "list_id", "candidate_id"),
    )
    op.create_index(
        "candidate_list_member_by_candidate",
        "candidate_list_member",
        ["account_id", "candidate_id", "list_id"],
        unique=False,
    )
    op.create_table(
        "consent",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("candidate_id", sa.UUID(), nullable=False),
        sa.Column("policy_id", sa.UUID(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("source", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "candidate_id", "policy_id"),
    )
    op.create_index("consent_by_policy", "consent", ["account_id", "policy_id", "candidate_id"], unique=False)
    op.create_index(
        "consent_by_expiry",
        "consent",
        ["account_id", "expires_at"],
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.create_table(
        "erased_candidate",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("external_id_hash", sa.LargeBinary(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "external_id_hash"),
    )
    op.create_table(
        "idempotency_key",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("input_hash", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "key"),
    )
    op.create_table(
        "past_segment_member",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("segment_id", sa.UUID(), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("candidate_id", sa.UUID(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.UUID(), nullable=False),
        sa.Column("removed_by", sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "segment_id", "removed_at", "candidate_id"),
    )
    op.create_index(
        "past_segment_member_by_candidate", "past_segment_member", ["account_id", "candidate_id"], unique=False
    )
    op.create_index(
        "past_segment_member_by_removal",
        "past_segment_member",
        ["account_id", "removed_by", "candidate_id"],
        unique=False,
    )
    op.create_table(
        "segment_member",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("segment_id", sa.UUID(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("candidate_id", sa.UUID(), nullable=False),
        sa.Column("channel", CHANNEL, nullable=False),
        sa.Column("operation_id", sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "segment_id", "added_at", "candidate_id"),
    )
    op.create_index(
        "segment_member_by_candidate",
        "segment_member",
        ["account_id", "candidate_id", "channel", "segment_id"],
        unique=True,
    )
    op.create_table(
        "skipped_candidate",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("operation_id", sa.UUID(), nullable=False),
        sa.Column("last_candidate_id", sa.UUID(), nullable=False),
        sa.Column("candidate_ids", postgresql.ARRAY(sa.UUID()), nullable=False),
        sa.Column("reasons", postgresql.ARRAY(sa.SmallInteger()), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "operation_id", "last_candidate_id"),
    )
    op.create_table(
        "suppression",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("channel", CHANNEL, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "channel", "address"),
    )
    op.create_table(
        "campaign",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("channel", CHANNEL, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("account_id", "id"),
    )
    op.create_index(
        "campaign_by_creation",
        "campaign",
        ["account_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "candidate_list",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("account_id", "id"),
    )
    op.create_index(
        "candidate_list_by_external_id",
        "candidate_list",
        ["account_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_index(
        "candidate_list_by_name", "candidate_list", ["account_id", sa.literal_column("lower(name)"), "id"], unique=False
    )
    op.create_table(
        "contract",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("endpoint_limit", sa.Integer(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.CheckConstraint("endpoint_limit >= 0", name="contract_endpoint_limit"),
        sa.CheckConstraint("starts_on <= ends_on", name="contract_dates"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("account_id", "id"),
    )
    op.create_index("contract_by_dates", "contract", ["account_id", "ends_on"], unique=False)
    op.create_table(
        "endpoint_usage",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("email_used", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sms_used", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reserved", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lapses_swept_until", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("email_used >= 0", name="endpoint_usage_email_used"),
        sa.CheckConstraint("reserved >= 0", name="endpoint_usage_reserved"),
        sa.CheckConstraint("sms_used >= 0", name="endpoint_usage_sms_used"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("account_id"),
    )
    op.create_table(
        "membership_operation",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("segment_id", sa.UUID(), nullable=True),
        sa.Column("kind", OPERATION_KIND, nullable=False),
        sa.Column("status", OPERATION_STATUS, nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("matched_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("processed_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("added_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("removed_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("already_member_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("ineligible_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("over_quota_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "ineligible", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("failure", sa.String(), nullable=True),
        sa.CheckConstraint(
            "kind <> 'ADD' OR status <> 'COMPLETED'"
            " OR matched_count = added_count + already_member_count + ineligible_count + over_quota_count",
            name="membership_operation_counts",
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("account_id", "id"),
    )
    op.create_index(
        "membership_operation_by_segment",
        "membership_operation",
        ["account_id", "segment_id", sa.literal_column("requested_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "privacy_policy",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("account_id", "id"),
    )
    op.create_index("privacy_policy_by_name", "privacy_policy", ["account_id", "name"], unique=True)
    op.create_table(
        "segment",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(collation="C"), nullable=False),
        sa.Column("channel", CHANNEL, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_modified_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("member_count", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("member_count >= 0", name="segment_member_count"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("account_id", "id"),
    )
    op.create_index("segment_by_name", "segment", ["account_id", "name_key"], unique=True)
    op.create_table(
        "vacancy",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("account_id", "id"),
    )
    op.create_index(
        "vacancy_by_external_id",
        "vacancy",
        ["account_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_index(
        "vacancy_by_opening",
        "vacancy",
        ["account_id", sa.literal_column("opened_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "campaign_segment",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("campaign_id", sa.UUID(), nullable=False),
        sa.Column("segment_id", sa.UUID(), nullable=False),
        sa.Column("excluded", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "campaign_id"],
            ["campaign.account_id", "campaign.id"],
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "segment_id"],
            ["segment.account_id", "segment.id"],
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("account_id", "campaign_id", "segment_id"),
    )
    op.create_index("campaign_segment_by_segment", "campaign_segment", ["account_id", "segment_id"], unique=False)
    op.create_table(
        "rate_limit",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("full_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "policy_requirement",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("channel", CHANNEL, nullable=False),
        sa.Column("policy_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "policy_id"],
            ["privacy_policy.account_id", "privacy_policy.id"],
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("account_id", "channel", "policy_id"),
    )


def downgrade() -> None:
    for table in (
        "rate_limit",
        "policy_requirement",
        "campaign_segment",
        "vacancy",
        "segment",
        "privacy_policy",
        "membership_operation",
        "endpoint_usage",
        "contract",
        "candidate_list",
        "campaign",
        "suppression",
        "skipped_candidate",
        "segment_member",
        "past_segment_member",
        "idempotency_key",
        "erased_candidate",
        "consent",
        "candidate_list_member",
        "candidate",
        "application",
        "account",
    ):
        op.drop_table(table)
    for kind in ENUMS:
        kind.drop(op.get_bind())
    op.execute("DROP FUNCTION settled_words_query, words_query, tags_query, candidate_words, words, fold")
