"""What the environment may say, and how a wrong word in it is answered."""

import os
import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from app.settings import ASYMMETRIC_ALGORITHMS, InvalidSettingsError, Settings, environment_name

SECRET = "hush" * 8

BAD_VALUES: dict[str, tuple[str, ...]] = {
    "HOST": ("   ",),
    "PORT": ("x", "-1", "65536", "8000.5"),
    "DATABASE_URL": ("mysql://u:hushhush@h/d", "localhost"),
    "SEGMENTS_OWNER_DATABASE_URL": ("mysql://u:hushhush@h/d",),
    "SEGMENTS_POOL_SIZE": ("0", "501", "ten"),
    "SEGMENTS_SEARCH_POOL_SIZE": ("0", "501"),
    "SEGMENTS_POOL_TIMEOUT": ("0", "601", "nan"),
    "SEGMENTS_PGBOUNCER": ("perhaps",),
    "SEGMENTS_QUERY_TIMEOUT": ("0", "3601", "nan", "inf"),
    "SEGMENTS_MUTATION_TIMEOUT": ("0", "3601", "nan", "inf"),
    "SEGMENTS_LOCK_TIMEOUT": ("0", "601"),
    "SEGMENTS_WRITERS_PER_ACCOUNT": ("0", "101"),
    "SEGMENTS_MAX_CAMPAIGN_SEGMENTS": ("0", "1001", "few"),
    "SEGMENTS_EXPORT_URL_SECONDS": ("9", "86401", "1.5"),
    "SEGMENTS_MAX_EXPORTS": ("0", "101"),
    "SEGMENTS_MAX_EXPORTS_PER_ACCOUNT": ("0", "101", "half"),
    "SEGMENTS_EXPORT_TIMEOUT": ("0", "86401", "nan", "inf"),
    "SEGMENTS_JWT_SECRET": ("hushhush", "h" * 31),
    "SEGMENTS_JWT_ISSUER": ("  ",),
    "SEGMENTS_JWT_AUDIENCE": ("  ",),
    "SEGMENTS_JWT_LEEWAY": ("-1", "301", "nan"),
    "SEGMENTS_OIDC_ISSUER": (
        "issuer.example",
        "http://issuer.example",
        "http://localhost.example",
        "ftp://issuer.example",
        "https://",
        "https://issuer.example/#a",
        "https://me:hushhush@issuer.example",
        "https://issuer.example:port",
        "https://issuer.example:0",
        "https://[::1",
    ),
    "SEGMENTS_OIDC_JWKS_URL": ("/jwks", "http://issuer.example/jwks"),
    "SEGMENTS_OIDC_ALGORITHMS": ("HS256", "RS256,HS256", "none", "RS256,", ",", "rs256", "RS256 ES256", '["RS256"]'),
    "SEGMENTS_JWKS_LIFETIME": ("0", "86401"),
    "SEGMENTS_JWKS_COOLDOWN": ("-1", "3601"),
    "SEGMENTS_JWKS_STALE_LIFETIME": ("-1", "604801"),
    "SEGMENTS_JWKS_TIMEOUT": ("0", "61"),
    "SEGMENTS_ACCOUNT_CLAIM": ("  ",),
    "SEGMENTS_PERMISSIONS_CLAIM": ("  ",),
    "SEGMENTS_MAX_BODY_BYTES": ("999", "1e6x"),
    "SEGMENTS_CHANGE_WORK_MEM": ("3", "4097"),
    "SEGMENTS_MAX_TOKENS": ("99", "100001"),
    "SEGMENTS_MAX_DOCUMENT_LENGTH": ("999", "1000001"),
    "SEGMENTS_MAX_DOCUMENT_LINES": ("99", "100001"),
    "SEGMENTS_MAX_OPERATIONS": ("0", "1001"),
    "SEGMENTS_MAX_FRAGMENTS": ("-1", "1001"),
    "SEGMENTS_MAX_DEPTH": ("0", "101"),
    "SEGMENTS_MAX_INTROSPECTION_DEPTH": ("0", "101"),
    "SEGMENTS_MAX_ROOT_FIELDS": ("0", "1001"),
    "SEGMENTS_MAX_ALIASES": ("-1", "10001"),
    "SEGMENTS_MAX_DIRECTIVES": ("-1", "10001"),
    "SEGMENTS_MAX_VARIABLES": ("-1", "1001"),
    "SEGMENTS_MAX_FIELDS": ("9", "100001"),
    "SEGMENTS_MAX_FIELD_COMPARISONS": ("99", "250001"),
    "SEGMENTS_MAX_LIST_ITEMS": ("0", "100001"),
    "SEGMENTS_MAX_STRING_LENGTH": ("199", "1000001"),
    "SEGMENTS_MAX_JSON_DEPTH": ("4", "201"),
    "SEGMENTS_MAX_JSON_VALUES": ("99", "1000001"),
    "SEGMENTS_MAX_COST": ("0", "1000000001", "dear"),
    "SEGMENTS_MAX_REPORTING_COST": ("0", "1000000001"),
    "SEGMENTS_RATE_LIMIT_POINTS_PER_SECOND": ("-1", "1000001", "0.5"),
    "SEGMENTS_RATE_LIMIT_BURST": ("0", "1000000001"),
    "SEGMENTS_RATE_LIMIT_SHARED": ("perhaps",),
    "SEGMENTS_MAX_KEPT_DOCUMENT_BYTES": ("999999", "many"),
    "SEGMENTS_PERSISTED_DOCUMENTS": ("on", "APQ", "trusted"),
    "SEGMENTS_TRUSTED_DOCUMENTS": ("/hushhush/nowhere.json", "/"),
    "SEGMENTS_MAX_AUDIT_TARGETS": ("0", "10001"),
    "SEGMENTS_INLINE_ADD_LIMIT": ("0", "1000001"),
    "SEGMENTS_CHUNK_SIZE": ("0", "100001"),
    "SEGMENTS_CHUNK_TIME": ("0", "61", "nan"),
    "SEGMENTS_CHUNK_ATTEMPTS": ("0", "101"),
    "SEGMENTS_WORKERS": ("-1", "101", "few"),
    "SEGMENTS_SWEEP_INTERVAL": ("0", "86401", "nan"),
    "SEGMENTS_IDEMPOTENCY_DAYS": ("0", "3651"),
    "SEGMENTS_WORKER_INTERVAL": ("0", "61", "nan"),
    "SEGMENTS_MAX_IDS": ("0", "10001"),
    "SEGMENTS_MAX_SYNCED": ("0", "10001"),
    "SEGMENTS_MAX_PAGE": ("0", "1001"),
    "SEGMENTS_MAX_MEMBER_PAGE": ("0", "10001"),
    "SEGMENTS_DEFAULT_PAGE": ("0", "1001", "101"),
    "SEGMENTS_MAX_FILTER_DEPTH": ("0", "11"),
    "SEGMENTS_MAX_FILTER_CONDITIONS": ("0", "1001"),
    "SEGMENTS_MAX_TEXT_LENGTH": ("0", "10001"),
    "SEGMENTS_MAX_SKIPPED": ("-1",),
    "SEGMENTS_MAX_POLICIES": ("0", "1001"),
    "SEGMENTS_FOLLOW_INTERVAL": ("0", "61", "nan"),
    "SEGMENTS_MAX_SOCKET_OPERATIONS": ("0", "10001"),
    "SEGMENTS_MAX_STREAMS": ("0", "10001"),
    "SEGMENTS_ALLOWED_ORIGINS": (
        "app.example",
        "https://app.example/",
        "https://app.example,",
        "ftp://app.example",
        "https://",
        "https://*.app.example,null",
        "https://[::1",
    ),
    "SEGMENTS_SOCKET_INIT_TIMEOUT": ("0", "601", "nan"),
    "SEGMENTS_HEARTBEAT": ("0", "3601", "nan", "inf"),
    "SEGMENTS_SEND_TIMEOUT": ("0", "3601", "nan", "inf"),
    "SEGMENTS_LOG_LEVEL": ("LOUD", "info"),
    "SEGMENTS_LOG_FORMAT": ("xml", "JSON"),
    "SEGMENTS_METRICS": ("perhaps",),
    "SEGMENTS_METRICS_TOKEN": ("hushhush", "h" * 31),
    "SEGMENTS_MAX_METRIC_NAMES": ("-1", "10001"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("collector:4318", "grpc://collector:4317", "http://"),
    "SEGMENTS_SHUTDOWN_DELAY": ("-1", "601", "nan"),
    "SEGMENTS_SHUTDOWN_TIMEOUT": ("0", "3601", "inf"),
    "SEGMENTS_KEEP_ALIVE": ("0", "3601"),
    "SEGMENTS_GRAPHIQL": ("perhaps",),
    "SEGMENTS_INTROSPECTION": ("perhaps",),
}
ANYTHING_GOES = {"SEGMENTS_DATA_DIR"}
VARIABLES = {environment_name(name) for name in Settings.model_fields}


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper() in VARIABLES:
            monkeypatch.delenv(name)


def read(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Settings.read()


def test_every_variable_has_a_bad_value_below() -> None:
    assert BAD_VALUES.keys() == VARIABLES - ANYTHING_GOES


@pytest.mark.parametrize(("variable", "value"), [(name, value) for name, bad in BAD_VALUES.items() for value in bad])
def test_a_bad_value_is_refused_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    if variable == "SEGMENTS_OIDC_JWKS_URL":
        monkeypatch.setenv("SEGMENTS_OIDC_ISSUER", "https://issuer.example")
    with pytest.raises(InvalidSettingsError) as refused:
        read(monkeypatch, **{variable: value})
    assert str(refused.value).startswith(variable)
    assert len(str(refused.value).splitlines()) == 1
    assert "hushhush" not in "".join(traceback.format_exception(refused.value)) + repr(refused.value.__context__)


def test_every_bad_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidSettingsError) as refused:
        read(monkeypatch, PORT="x", SEGMENTS_POOL_SIZE="x", SEGMENTS_JWT_SECRET="x")
    named = [line.split(":")[0] for line in str(refused.value).splitlines()]
    assert named == ["PORT", "SEGMENTS_POOL_SIZE", "SEGMENTS_JWT_SECRET"]


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = Settings.read()
    assert (settings.host, settings.port, settings.data_dir) == ("127.0.0.1", 8000, Path(".data"))
    assert (settings.database_url, settings.owner_database_url, settings.jwt_secret) == (None, None, None)
    assert (settings.oidc_issuer, settings.oidc_jwks_url) == (None, None)
    assert settings.oidc_algorithms == ("RS256", "ES256")
    assert (settings.jwks_lifetime, settings.jwks_cooldown, settings.jwks_stale_lifetime) == (300, 10, 3600)
    assert (settings.jwt_issuer, settings.jwt_audience, settings.jwt_leeway) == ("segments", "segments", 30)
    assert (settings.account_claim, settings.permissions_claim) == ("account", "permissions")


@pytest.mark.parametrize("variable", sorted(VARIABLES))
def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    assert read(monkeypatch, **{variable: ""}) == Settings.model_construct()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"HOST": "0.0.0.0", "PORT": "0"}, {"host": "0.0.0.0", "port": 0}),
        ({"SEGMENTS_DATA_DIR": "/srv/data"}, {"data_dir": Path("/srv/data")}),
        ({"DATABASE_URL": "postgres://u:p@h/d"}, {"database_url": SecretStr("postgres://u:p@h/d")}),
        ({"SEGMENTS_JWT_SECRET": SECRET}, {"jwt_secret": SecretStr(SECRET)}),
        ({"SEGMENTS_JWT_ISSUER": " here "}, {"jwt_issuer": "here"}),
        ({"SEGMENTS_OIDC_ALGORITHMS": "ES384"}, {"oidc_algorithms": ("ES384",)}),
        ({"SEGMENTS_OIDC_ALGORITHMS": " RS256, ES512 ,RS256"}, {"oidc_algorithms": ("RS256", "ES512")}),
        ({"SEGMENTS_OIDC_ALGORITHMS": ",".join(ASYMMETRIC_ALGORITHMS)}, {"oidc_algorithms": ASYMMETRIC_ALGORITHMS}),
        ({"SEGMENTS_OIDC_ISSUER": "https://a.example/"}, {"oidc_issuer": "https://a.example/"}),
        ({"SEGMENTS_OIDC_ISSUER": "http://[::1]:8080/realm"}, {"oidc_issuer": "http://[::1]:8080/realm"}),
        (
            {"SEGMENTS_ALLOWED_ORIGINS": "https://App.example, http://localhost:3000,https://app.example"},
            {"allowed_origins": ("https://app.example", "http://localhost:3000")},
        ),
        ({"SEGMENTS_ALLOWED_ORIGINS": "*"}, {"allowed_origins": ("*",)}),
        ({"SEGMENTS_DEFAULT_PAGE": "50", "SEGMENTS_MAX_PAGE": "50"}, {"default_page": 50, "max_page": 50}),
        ({"SEGMENTS_PGBOUNCER": "1", "SEGMENTS_GRAPHIQL": "false"}, {"pgbouncer": True, "graphiql": False}),
    ],
)
def test_a_good_value_is_read(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: dict[str, Any]
) -> None:
    settings = read(monkeypatch, **variables)
    assert {name: getattr(settings, name) for name in expected} == expected


def test_an_address_of_keys_without_an_issuer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidSettingsError, match="SEGMENTS_OIDC_JWKS_URL needs SEGMENTS_OIDC_ISSUER"):
        read(monkeypatch, SEGMENTS_OIDC_JWKS_URL="https://issuer.example/jwks")


def test_a_default_page_larger_than_the_largest_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidSettingsError, match="SEGMENTS_DEFAULT_PAGE is larger than"):
        read(monkeypatch, SEGMENTS_MAX_MEMBER_PAGE="24")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SEGMENTS_MAX_SYNCED", "1001", "SEGMENTS_MAX_SYNCED is larger than SEGMENTS_MAX_LIST_ITEMS"),
        ("SEGMENTS_MAX_IDS", "1001", "SEGMENTS_MAX_IDS is larger than SEGMENTS_MAX_LIST_ITEMS"),
        ("SEGMENTS_MAX_COST", "1000001", "SEGMENTS_MAX_COST is larger than SEGMENTS_MAX_REPORTING_COST"),
    ],
)
def test_a_limit_within_another_cannot_be_larger(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    with pytest.raises(InvalidSettingsError, match=said):
        read(monkeypatch, **{variable: value})


def test_trusted_documents_and_the_mode_must_agree(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.touch()
    with pytest.raises(InvalidSettingsError, match="trusted-only needs SEGMENTS_TRUSTED_DOCUMENTS"):
        read(monkeypatch, SEGMENTS_PERSISTED_DOCUMENTS="trusted-only")
    for mode in ("apq", "trusted-only"):
        settings = read(monkeypatch, SEGMENTS_PERSISTED_DOCUMENTS=mode, SEGMENTS_TRUSTED_DOCUMENTS=str(manifest))
        assert settings.trusted_documents == manifest
    with pytest.raises(InvalidSettingsError, match="SEGMENTS_TRUSTED_DOCUMENTS is of no use"):
        read(monkeypatch, SEGMENTS_PERSISTED_DOCUMENTS="off", SEGMENTS_TRUSTED_DOCUMENTS=str(manifest))


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://me:hushhush@db.example/segments"
    settings = read(monkeypatch, SEGMENTS_JWT_SECRET=SECRET, DATABASE_URL=url, SEGMENTS_OWNER_DATABASE_URL=url)
    for shown in (repr(settings), str(settings), repr(settings.model_dump()), settings.model_dump_json()):
        assert "hush" not in shown


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings.read().port = 9  # type: ignore[misc]


def test_a_dotenv_file_is_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=9\nSEGMENTS_POOL_SIZE=9\n")
    monkeypatch.chdir(tmp_path)
    assert Settings.read() == Settings.model_construct()


def test_variables_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(
        monkeypatch, SEGMENTS_PORT="tcp://10.0.0.1:80", SEGMENTS_SERVICE_HOST="x", POOL_SIZE="9", JWT_SECRET="x"
    )
    assert settings == Settings.model_construct()


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())
