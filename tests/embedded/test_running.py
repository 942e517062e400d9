"""The database that running() gives, and who shares it."""

import os
import signal
import stat
import time
from pathlib import Path

import asyncpg
import pytest

from app.embedded import EmbeddedStartError, running
from tests.embedded.processes import TEST_OPTIONS, Guest, is_alive, postmaster


async def run(url: str, *statements: str) -> object:
    """The value of the last statement."""
    connection = await asyncpg.connect(url)
    try:
        value = None
        for statement in statements:
            value = await connection.fetchval(statement)
        return value
    finally:
        await connection.close()


async def test_the_first_use_makes_a_utf8_database_that_sorts_and_folds_the_same_everywhere(tmp_path: Path) -> None:
    with running(tmp_path / "data", TEST_OPTIONS) as database:
        facts = await run(
            database.url,
            "SELECT row(current_user, current_database(), datlocprovider, datlocale, pg_encoding_to_char(encoding),"
            " lower('ÉЖΔ'), current_setting('server_version_num')::int / 10000)::text"
            " FROM pg_database WHERE datname = current_database()",
        )
        assert facts == "(segments,segments,b,C.UTF-8,UTF8,éжδ,18)"
        assert await run(database.owner_url, "SELECT current_user::text") == "segments_owner"
        assert database.data_dir == tmp_path / "data"


async def test_the_owner_creates_extensions_and_tables_and_they_outlive_a_restart(data_dir: Path) -> None:
    with running(data_dir, TEST_OPTIONS) as database:
        await run(
            database.owner_url,
            "CREATE EXTENSION pg_trgm",
            "CREATE EXTENSION btree_gin",
            "CREATE TABLE lasting AS SELECT 7 AS n",
        )
        trigrams = await run(database.owner_url, "SELECT array_length(show_trgm('жук'), 1)")
        assert trigrams == 4, "letters beyond ASCII have trigrams"
        first = postmaster(data_dir)
    assert not is_alive(first)
    with running(data_dir, TEST_OPTIONS) as database:
        assert await run(database.owner_url, "SELECT n FROM lasting") == 7


async def test_the_serving_role_can_neither_create_nor_alter_nor_drop(data_dir: Path) -> None:
    with running(data_dir, TEST_OPTIONS) as database:
        await run(database.owner_url, "CREATE TABLE t (n int)", "GRANT SELECT, INSERT, UPDATE, DELETE ON t TO segments")
        await run(database.url, "INSERT INTO t VALUES (1)")
        for forbidden in (
            "CREATE TABLE mine (n int)",
            "CREATE SCHEMA mine",
            "CREATE EXTENSION btree_gist",
            "CREATE ROLE mine",
            "CREATE DATABASE mine",
            "CREATE INDEX ON t (n)",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "ALTER TABLE t ADD m int",
            "ALTER ROLE segments SUPERUSER",
            "ALTER SYSTEM SET fsync = off",
            "DROP TABLE t",
            "DROP DATABASE segments",
            "TRUNCATE t",
            "SET ROLE segments_owner",
            "COPY t FROM PROGRAM 'true'",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await run(database.url, forbidden)


async def test_it_is_tuned_for_a_laptop_listens_on_no_network_and_obeys_options(data_dir: Path) -> None:
    with running(data_dir, {"max_connections": "17", "shared_buffers": "16MB"}) as database:
        shown = {
            name: await run(database.url, f"SHOW {name}")
            for name in ("max_connections", "shared_buffers", "listen_addresses", "jit", "enable_memoize")
        }
        assert shown == {
            "max_connections": "17",
            "shared_buffers": "16MB",
            "listen_addresses": "",
            "jit": "off",
            "enable_memoize": "off",
        }
        assert await run(database.url, "SHOW timezone") == "UTC"
        for durable in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await run(database.url, f"SHOW {durable}") == "on"


async def test_the_log_is_silent_about_what_people_entered(data_dir: Path) -> None:
    with running(data_dir, TEST_OPTIONS) as database:
        await run(
            database.owner_url, "CREATE TABLE people (email text UNIQUE)", "INSERT INTO people VALUES ('jo@x.eu')"
        )
        with pytest.raises(asyncpg.UniqueViolationError):
            await run(database.owner_url, "INSERT INTO people VALUES ('jo@x.eu')")
    log = (data_dir / "log" / "postgresql.log").read_text()
    assert "people_email_key" in log
    assert "jo@x.eu" not in log


def test_a_log_that_has_grown_large_is_put_aside_at_the_next_start(data_dir: Path) -> None:
    log = data_dir / "log" / "postgresql.log"
    log.write_text("long ago\n" * 1_000_000)
    with running(data_dir, TEST_OPTIONS):
        assert log.stat().st_size < 10_000
    assert log.with_suffix(".log.1").read_text().startswith("long ago")


def test_a_setting_that_postgresql_refuses_is_reported_in_its_own_words(data_dir: Path) -> None:
    with pytest.raises(EmbeddedStartError, match=r'(?s)did not start.*invalid value for parameter "work_mem"'):
        running(data_dir, {"work_mem": "plenty"}).__enter__()
    with running(data_dir, TEST_OPTIONS):
        pass


async def test_two_processes_share_one_postgresql_and_the_last_to_leave_stops_it(data_dir: Path) -> None:
    with Guest("running", data_dir) as first:
        assert first.says()["answer"] == 42
        pid = postmaster(data_dir)
        with Guest("running", data_dir) as second:
            assert second.says()["answer"] == 42
            assert postmaster(data_dir) == pid
            first.leave()
            assert is_alive(pid)
    assert not is_alive(pid)


def test_two_processes_that_come_at_once_to_a_new_directory_get_the_same_postgresql(tmp_path: Path) -> None:
    with Guest("running", tmp_path / "new") as one, Guest("running", tmp_path / "new") as other:
        assert one.says()["url"] == other.says()["url"]


async def test_uses_inside_one_process_share_too(data_dir: Path) -> None:
    with running(data_dir, TEST_OPTIONS):
        pid = postmaster(data_dir)
        with running(data_dir) as inner:
            assert postmaster(data_dir) == pid
        assert await run(inner.url, "SELECT 1") == 1
    assert not is_alive(pid)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_neither_stops_it_nor_keeps_it_running(data_dir: Path) -> None:
    entered = running(data_dir, TEST_OPTIONS)
    entered.__enter__()
    pid = postmaster(data_dir)
    leaving = os.fork()
    if leaving == 0:
        entered.__exit__(None, None, None)
        os._exit(0)
    assert os.waitpid(leaving, 0)[1] == 0
    assert is_alive(pid)
    lingering = os.fork()
    if lingering == 0:
        time.sleep(300)
        os._exit(0)
    entered.__exit__(None, None, None)
    assert not is_alive(pid)
    os.kill(lingering, signal.SIGKILL)
    os.waitpid(lingering, 0)


def test_ctrl_c_in_a_terminal_does_not_reach_postgresql(data_dir: Path) -> None:
    with Guest("running", data_dir) as other, Guest("running", data_dir) as interrupted:
        other.says()
        interrupted.says()
        pid = postmaster(data_dir)
        for guest in (other, interrupted):
            assert os.getpgid(pid) != os.getpgid(guest.process.pid)
            assert os.getsid(pid) != os.getsid(guest.process.pid)


def test_the_environment_of_whoever_starts_it_has_no_influence(tmp_path: Path) -> None:
    strange = {"LANG": "xx_XX", "LC_ALL": "tlh", "PGPORT": "1", "PGDATA": "/nowhere", "PGHOST": "nowhere", "TZ": "Mars"}
    with Guest("running", tmp_path, environment=strange) as guest:
        assert guest.says()["answer"] == 42


def test_nobody_else_can_enter_what_it_made(data_dir: Path) -> None:
    with running(data_dir, TEST_OPTIONS) as database:
        for path in [database.data_dir, *database.data_dir.iterdir()]:
            assert stat.S_IMODE(path.stat().st_mode) & 0o067 == 0, path
