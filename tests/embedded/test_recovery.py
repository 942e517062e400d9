"""What a crash at any moment leaves behind, and how the next use gets over it."""

import os
import subprocess
from pathlib import Path

import pytest

from app.embedded import running
from tests.embedded.processes import TEST_OPTIONS, Guest, is_alive, kill, postmaster, wait_until
from tests.embedded.test_running import run

DURABLE = {"shared_buffers": "16MB"}


def descendants(pid: int) -> list[int]:
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listing.splitlines()]
    return [child for child, parent in pairs if parent == pid]


def test_when_its_user_is_killed_postgresql_is_adopted_by_the_next_and_stopped_by_the_last(data_dir: Path) -> None:
    with Guest("running", data_dir) as victim:
        victim.says()
        pid = postmaster(data_dir)
        victim.kill()
    assert is_alive(pid)
    with running(data_dir, TEST_OPTIONS):
        assert postmaster(data_dir) == pid
    assert not is_alive(pid)


async def test_a_killed_postmaster_is_replaced_and_what_was_committed_is_there(data_dir: Path) -> None:
    with running(data_dir, DURABLE) as database:
        await run(database.owner_url, "CREATE TABLE kept AS SELECT 7 AS n")
        pid = postmaster(data_dir)
        kill(pid)
        with running(data_dir, DURABLE):
            assert postmaster(data_dir) != pid
            assert await run(database.owner_url, "SELECT n FROM kept") == 7
        assert await run(database.owner_url, "SELECT n FROM kept") == 7, "the first user is still in"
    assert not (data_dir / "pgdata" / "postmaster.pid").exists()


async def test_a_machine_crash_is_recovered_from(data_dir: Path) -> None:
    with Guest("running", data_dir) as guest:
        url = guest.says()["url"]
        await run(url.replace("//segments@", "//segments_owner@"), "CREATE TABLE survivor AS SELECT 7 AS n")
        pid = postmaster(data_dir)
        processes = [pid, *descendants(pid)]
        guest.kill()
        for process in processes:
            if is_alive(process):
                kill(process)
    assert (data_dir / "pgdata" / "postmaster.pid").exists()
    with running(data_dir, DURABLE) as database:
        assert await run(database.owner_url, "SELECT n FROM survivor") == 7


@pytest.mark.parametrize("owner_of_the_pid", ["nobody", "an unrelated process"])
def test_a_stale_postmaster_pid_stops_nothing(data_dir: Path, owner_of_the_pid: str) -> None:
    with running(data_dir, TEST_OPTIONS):
        lines = (data_dir / "pgdata" / "postmaster.pid").read_text().splitlines()
    with subprocess.Popen(["sleep", "300"]) as unrelated:
        if owner_of_the_pid == "nobody":
            unrelated.kill()
            unrelated.wait()
        lines[0] = str(unrelated.pid)
        (data_dir / "pgdata" / "postmaster.pid").write_text("\n".join(lines) + "\n")
        with running(data_dir, TEST_OPTIONS):
            assert postmaster(data_dir) != unrelated.pid
        assert is_alive(unrelated.pid) is (owner_of_the_pid != "nobody"), "it was left alone"
        unrelated.kill()


def test_a_first_start_that_was_killed_halfway_is_begun_again(tmp_path: Path) -> None:
    with Guest("running", tmp_path) as victim:
        wait_until((tmp_path / "pgdata.new" / "base").exists)
        victim.kill()
    assert not (tmp_path / "pgdata").exists()
    with Guest("running", tmp_path) as guest:
        assert guest.says()["answer"] == 42
    assert not (tmp_path / "pgdata.new").exists()


def test_what_is_left_of_a_half_made_database_is_thrown_away(tmp_path: Path) -> None:
    half_made = tmp_path / "pgdata.new"
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("18\n")
    (half_made / "global").mkdir()
    with Guest("running", tmp_path) as guest:
        assert guest.says()["answer"] == 42
    assert sorted(os.listdir(tmp_path)) == [
        "log",
        "pgdata",
        "postgres.alive",
        "postgres.start",
        "postgres.users",
        "socket",
    ]
