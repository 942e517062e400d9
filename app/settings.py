"""Everything that can be set from the environment, read once and frozen."""

import os
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ASYMMETRIC_ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
MIN_SECRET_LENGTH = 32
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")


class InvalidSettingsError(Exception):
    """The environment holds a value that Segments cannot use."""


def postgres_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("postgresql://", "postgres://")):
        raise ValueError("must look like postgresql://user:password@host:5432/database")
    return url


def long_secret(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < MIN_SECRET_LENGTH:
        raise ValueError(f"must be {MIN_SECRET_LENGTH} characters or more")
    return secret


def trusted_url(url: str) -> str:
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS
    if not (parts.scheme == "https" or local) or not parts.hostname or parts.fragment or parts.username is not None:
        raise ValueError("must look like https://issuer.example/path; http:// is for localhost only")
    if parts.port == 0:
        raise ValueError("must not have port 0")
    return url


def readable_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError("must be a file that can be read")
    return path


def web_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must look like http://collector.example:4318")
    return url


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def asymmetric_algorithms(algorithms: tuple[str, ...]) -> tuple[str, ...]:
    if not algorithms or not set(algorithms) <= set(ASYMMETRIC_ALGORITHMS):
        raise ValueError(f"must be one or more of {', '.join(ASYMMETRIC_ALGORITHMS)}, separated by commas")
    return tuple(dict.fromkeys(algorithms))


def web_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    lowered = tuple(dict.fromkeys(origin.lower() for origin in origins))
    for origin in lowered:
        parts = urlsplit(origin)
        bare = parts.scheme in ("http", "https") and parts.hostname and origin == f"{parts.scheme}://{parts.netloc}"
        if origin != "*" and not bare:
            raise ValueError("must be origins like https://app.example, separated by commas, or *")
    return lowered


DatabaseUrl = Annotated[SecretStr, AfterValidator(postgres_url)]
"""Secret, because it may hold a password."""

TrustedUrl = Annotated[str, AfterValidator(trusted_url)]
"""Kept as written, because the `iss` of a token must equal it to the last slash."""


Algorithms = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(asymmetric_algorithms)]


class Settings(BaseSettings):
    """The settings of one process. Names without a `SEGMENTS_` prefix are those every host knows."""

    model_config = SettingsConfigDict(
        env_prefix="SEGMENTS_",
        env_file=None,
        env_ignore_empty=True,
        str_strip_whitespace=True,
        hide_input_in_errors=True,
        frozen=True,
        extra="ignore",
    )

    # Where it listens
    host: str = Field("127.0.0.1", min_length=1, validation_alias="HOST", description="Address to listen on.")
    port: int = Field(
        8000, ge=0, le=65535, validation_alias="PORT", description="Port to listen on; 0 takes a free one."
    )

    # Where the data are
    data_dir: Path = Field(Path(".data"), description="Where the embedded PostgreSQL and its secrets live.")
    database_url: DatabaseUrl | None = Field(
        None,
        validation_alias="DATABASE_URL",
        description="A PostgreSQL 15 or newer to use instead of the embedded one, as the role that serves.",
    )
    owner_database_url: DatabaseUrl | None = Field(
        None, description="The same database as the role that owns the tables, for migrations. Default: DATABASE_URL."
    )
    pool_size: int = Field(
        10,
        ge=1,
        le=500,
        description="Database connections of one process, at most, for changes and small reads, and as many for"
        " searches that go through an index.",
    )
    search_pool_size: int = Field(
        5, ge=1, le=500, description="Its connections for searches that seek, and for counts, at most."
    )
    pool_timeout: float = Field(
        5, gt=0, le=600, description="Seconds to wait for a connection before a request is answered 503."
    )
    pgbouncer: bool = Field(False, description="Set when DATABASE_URL is a PgBouncer in transaction mode.")
    query_timeout: float = Field(
        15, gt=0, le=3600, description="Seconds that a query may take, and each of its statements in PostgreSQL."
    )
    mutation_timeout: float = Field(
        60, gt=0, le=3600, description="Seconds that a mutation may take, and each of its statements in PostgreSQL."
    )
    lock_timeout: float = Field(
        20, gt=0, le=600, description="Seconds that a change waits for its account's turn before it answers BUSY."
    )
    writers_per_account: int = Field(
        4,
        ge=1,
        le=100,
        description="Changes of one account that wait at the database at once; the rest wait in the process.",
    )
    change_work_mem: int = Field(
        128, ge=4, le=4096, description="Megabytes that each sort and hash of a change may take in PostgreSQL."
    )

    # What runs in the background
    inline_add_limit: int = Field(
        5_000,
        ge=1,
        le=1_000_000,
        description="Most candidates that one addition, removal or undoing may match to be done at once, while its"
        " client waits; beyond that it is queued.",
    )
    chunk_size: int = Field(
        10_000, ge=1, le=100_000, description="Most candidates of a queued operation in one transaction."
    )
    chunk_time: float = Field(
        0.03,
        ge=0.001,
        le=60,
        description="Seconds that such a transaction should take: its account's other changes wait for it.",
    )
    chunk_attempts: int = Field(
        3, ge=1, le=100, description="How often such a transaction may fail before its operation is given up."
    )
    workers: int = Field(
        1,
        ge=0,
        le=100,
        description="Queued operations that one process goes on with at once; 0 leaves them to others.",
    )
    sweep_interval: float = Field(
        60,
        ge=0.1,
        le=86400,
        description="Seconds after which a worker looks again for consents that expired and keys that are too old.",
    )
    idempotency_days: int = Field(
        30, ge=1, le=3650, description="Days for which the outcome under an idempotency key is kept, at least."
    )
    worker_interval: float = Field(
        1, ge=0.01, le=60, description="Seconds after which a worker with nothing to do looks for operations again."
    )

    # Who may ask
    jwt_secret: Annotated[SecretStr, AfterValidator(long_secret)] | None = Field(
        None,
        description="Secret of HS256 tokens, 32 characters or more. The embedded PostgreSQL comes with one of its own.",
    )
    jwt_issuer: str = Field("segments", min_length=1, description="The `iss` that tokens of the local secret carry.")
    jwt_audience: str = Field("segments", min_length=1, description="The `aud` that every token must carry.")
    jwt_leeway: float = Field(
        30, ge=0, le=300, description="Seconds of clock difference that `exp` and `nbf` may show."
    )
    oidc_issuer: TrustedUrl | None = Field(
        None, description="URL of an OpenID Connect issuer whose tokens are accepted."
    )
    oidc_jwks_url: TrustedUrl | None = Field(
        None, description="Where its keys are. Default: what its discovery document says."
    )
    oidc_algorithms: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(asymmetric_algorithms)
    ] = Field(
        ("RS256", "ES256"), description="Signature algorithms accepted from the OIDC issuer, separated by commas."
    )
    jwks_lifetime: float = Field(300, ge=1, le=86400, description="Seconds for which the issuer's keys are kept.")
    jwks_cooldown: float = Field(
        10, ge=0, le=3600, description="Least seconds between two fetches that unknown key ids cause."
    )
    jwks_stale_lifetime: float = Field(
        3600,
        ge=0,
        le=604800,
        description="Seconds past their lifetime for which old keys serve while the issuer is down.",
    )
    jwks_timeout: float = Field(5, gt=0, le=60, description="Seconds that fetching the issuer's keys may take.")
    account_claim: str = Field("account", min_length=1, description="The claim that holds the account's id.")
    permissions_claim: str = Field("permissions", min_length=1, description="The claim that lists the permissions.")

    # How much at once
    max_body_bytes: int = Field(1_000_000, ge=1_000, description="Longest request body, in bytes.")
    max_tokens: int = Field(2_000, ge=100, le=100_000, description="Most lexical tokens in one GraphQL document.")
    max_document_length: int = Field(
        50_000, ge=1_000, le=1_000_000, description="Longest GraphQL document, in characters."
    )
    max_document_lines: int = Field(5_000, ge=100, le=100_000, description="Most lines of a GraphQL document.")
    max_operations: int = Field(50, ge=1, le=1_000, description="Most operations in one document.")
    max_fragments: int = Field(50, ge=0, le=1_000, description="Most fragments defined in one document.")
    max_depth: int = Field(12, ge=1, le=100, description="Most fields within one another, introspection apart.")
    max_introspection_depth: int = Field(
        20, ge=1, le=100, description="Most fields within one another from __schema or __type on."
    )
    max_root_fields: int = Field(20, ge=1, le=1_000, description="Most fields at the root of an operation.")
    max_aliases: int = Field(30, ge=0, le=10_000, description="Most aliases in one operation, through its fragments.")
    max_directives: int = Field(
        50, ge=0, le=10_000, description="Most directives in one operation, through its fragments."
    )
    max_variables: int = Field(100, ge=0, le=1_000, description="Most variables of one operation.")
    max_fields: int = Field(
        1_000, ge=10, le=100_000, description="Most fields in one document, those of a fragment wherever it is spread."
    )
    max_field_comparisons: int = Field(
        10_000,
        ge=100,
        le=250_000,
        description="Most comparisons of fields with the same name, to see whether they can be merged.",
    )
    max_list_items: int = Field(
        1_000,
        ge=1,
        le=100_000,
        description="Most items of a list in a document or its variables; not below MAX_IDS and MAX_SYNCED.",
    )
    max_string_length: int = Field(
        10_000, ge=200, le=1_000_000, description="Longest text in a document or its variables, in characters."
    )
    max_json_depth: int = Field(
        32, ge=5, le=200, description="Deepest nesting of lists and objects in variables or a value of a document."
    )
    max_json_values: int = Field(25_000, ge=100, le=1_000_000, description="Most values in the variables, all in all.")
    max_kept_document_bytes: int = Field(
        32_000_000, ge=1_000_000, description="Bytes of memory for GraphQL documents kept parsed and validated."
    )
    max_cost: int = Field(10_000, ge=1, le=1_000_000_000, description="Most objects that one operation may ask for.")
    max_reporting_cost: int = Field(
        1_000_000, ge=1, le=1_000_000_000, description="The same for tokens that carry REPORT; not below MAX_COST."
    )
    rate_limit_points_per_second: int = Field(
        10_000,
        ge=0,
        le=1_000_000,
        description="Points that each subject of an account gets back every second; 0 sets no rate limit.",
    )
    rate_limit_burst: int = Field(
        50_000,
        ge=1,
        le=1_000_000_000,
        description="Points that a subject has after a rest; never fewer than one operation of theirs may cost.",
    )
    rate_limit_shared: bool = Field(
        False, description="Whether all processes on the database count points together, by a statement per operation."
    )
    max_audit_targets: int = Field(
        100, ge=1, le=10_000, description="Most ids of one kind that an entry of the audit log names."
    )
    max_ids: int = Field(1_000, ge=1, le=10_000, description="Most ids in one list of one request.")
    max_campaign_segments: int = Field(
        100, ge=1, le=1_000, description="Most segments that one campaign includes and excludes, all in all."
    )
    max_synced: int = Field(
        1_000,
        ge=1,
        le=10_000,
        description="Most items in one call of a sync.",
    )
    max_page: int = Field(100, ge=1, le=1_000, description="Most rows in one page of a connection.")
    max_member_page: int = Field(
        1_000, ge=1, le=10_000, description="Most rows in one page of Segment.members or membersAsOf."
    )
    default_page: int = Field(25, ge=1, le=1_000, description="Rows in a page when neither first nor last is given.")
    max_filter_depth: int = Field(
        4, ge=1, le=10, description="Deepest nesting of and, or and not in a candidate filter."
    )
    max_filter_conditions: int = Field(100, ge=1, le=1_000, description="Most conditions in one candidate filter.")
    max_text_length: int = Field(200, ge=1, le=10_000, description="Longest text in a filter, in characters.")
    max_policies: int = Field(
        100,
        ge=1,
        le=1_000,
        description="Most privacy policies of one account; each that a channel demands is looked up.",
    )
    max_skipped: int = Field(100_000, ge=0, description="Most left-out candidates that one operation keeps by name.")
    max_socket_operations: int = Field(
        100, ge=1, le=10_000, description="Most operations that run at once on one WebSocket."
    )
    max_streams: int = Field(
        50,
        ge=1,
        le=10_000,
        description="Most WebSockets and event streams that one principal has open in one process.",
    )

    follow_interval: float = Field(
        1, ge=0.1, le=60, description="Seconds after which what subscriptions follow is looked at again."
    )

    # Exports
    export_url_seconds: int = Field(
        300, ge=10, le=86_400, description="Seconds for which the address of an export is good for a download to begin."
    )
    max_exports: int = Field(
        2, ge=1, le=100, description="Most exports that one process sends at once, each on a connection of its own."
    )
    max_exports_per_account: int | None = Field(
        None, ge=1, le=100, description="Most of these that are one account's. Not set: half of them, and at least one."
    )
    export_timeout: float = Field(1_800, gt=0, le=86_400, description="Seconds that an export may take.")

    # Which documents
    persisted_documents: Literal["off", "apq", "trusted-only"] = Field(
        "apq",
        description="off: documents come by text alone. apq: also by hash or id. trusted-only: none but those trusted.",
    )
    trusted_documents: Annotated[Path, AfterValidator(readable_file)] | None = Field(
        None,
        description="A manifest of documents known from the start, as Apollo, Relay or graphql-codegen write it.",
    )

    # Streams and other origins
    allowed_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(web_origins)] = Field(
        (),
        description="Other origins whose pages may ask, separated by commas; * is every one. Its own always may.",
    )
    socket_init_timeout: float = Field(
        10, gt=0, le=600, description="Seconds that a WebSocket has to say who is asking."
    )
    heartbeat: float = Field(
        20, gt=0, le=3600, description="Seconds between pings on a WebSocket and between comments in an event stream."
    )
    send_timeout: float = Field(
        30,
        gt=0,
        le=3600,
        description="Seconds that the client of a WebSocket, event stream or export may leave it unread.",
    )

    # How it is watched
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="How lines of the log look; auto is console on a terminal and json elsewhere."
    )
    metrics: bool = Field(True, description="Whether /metrics is served, for Prometheus.")
    metrics_token: Annotated[SecretStr, AfterValidator(long_secret)] | None = Field(
        None, description="Bearer token that /metrics demands. Without one, whoever reaches the port may read it."
    )
    max_metric_names: int = Field(
        200, ge=0, le=10_000, description="Operation names that metrics tell apart; further ones count as other."
    )
    otlp_endpoint: Annotated[str, AfterValidator(web_url)] | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="Where traces are sent, by OTLP over HTTP. Needs the extra `tracing`.",
    )

    # How it stops
    shutdown_delay: float = Field(
        0, ge=0, le=600, description="Seconds after SIGTERM for which it serves on while /readyz answers 503."
    )
    shutdown_timeout: float = Field(
        30, gt=0, le=3600, description="Seconds that requests may take to finish after that, before they are cancelled."
    )
    keep_alive: float = Field(
        75,
        ge=1,
        le=3600,
        description="Seconds that an idle connection is kept, and for which head and body of a request may each come."
        " Longer than the proxy in front keeps it.",
    )

    # How it talks
    introspection: bool = Field(
        True, description="Whether clients may read the schema, and errors suggest names from it."
    )
    graphiql: bool = Field(True, description="Whether a browser that opens /graphql gets GraphiQL.")

    @property
    def exports_per_account(self) -> int:
        """Most exports that one process sends at once to one account."""
        return self.max_exports_per_account or max(1, self.max_exports // 2)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.oidc_jwks_url and not self.oidc_issuer:
            raise ValueError("SEGMENTS_OIDC_JWKS_URL needs SEGMENTS_OIDC_ISSUER beside it")
        if self.default_page > min(self.max_page, self.max_member_page):
            raise ValueError("SEGMENTS_DEFAULT_PAGE is larger than SEGMENTS_MAX_PAGE or SEGMENTS_MAX_MEMBER_PAGE")
        if self.max_ids > self.max_list_items:
            raise ValueError("SEGMENTS_MAX_IDS is larger than SEGMENTS_MAX_LIST_ITEMS")
        if self.max_synced > self.max_list_items:
            raise ValueError("SEGMENTS_MAX_SYNCED is larger than SEGMENTS_MAX_LIST_ITEMS")
        if self.max_cost > self.max_reporting_cost:
            raise ValueError("SEGMENTS_MAX_COST is larger than SEGMENTS_MAX_REPORTING_COST")
        if self.persisted_documents == "trusted-only" and self.trusted_documents is None:
            raise ValueError("SEGMENTS_PERSISTED_DOCUMENTS=trusted-only needs SEGMENTS_TRUSTED_DOCUMENTS beside it")
        if self.trusted_documents is not None and self.persisted_documents == "off":
            raise ValueError("SEGMENTS_TRUSTED_DOCUMENTS is of no use while SEGMENTS_PERSISTED_DOCUMENTS is off")
        return self

    @classmethod
    def read(cls) -> "Settings":
        """The settings of this environment. Raises InvalidSettingsError naming each variable that is wrong."""
        try:
            return cls()
        except ValidationError as error:
            raise InvalidSettingsError("\n".join(_explain(cls, problem) for problem in error.errors())) from None


def environment_name(name: str) -> str:
    """The environment variable that holds the setting of this name."""
    alias = Settings.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else f"SEGMENTS_{name.upper()}"


def unknown_variables() -> list[str]:
    """The variables of this environment that look like settings and are none: misspelt ones, it may be."""
    known = {environment_name(name) for name in Settings.model_fields}
    return sorted(name for name in os.environ if name.startswith("SEGMENTS_") and name not in known)


def _explain(cls: type[Settings], problem: object) -> str:
    assert isinstance(problem, dict)
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:
        return message
    location = str(problem["loc"][0])
    variable = environment_name(location) if location in cls.model_fields else location.upper()
    return f"{variable}: {message}"
