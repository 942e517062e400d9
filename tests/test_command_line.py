"""What goes wrong at the command line is said in a line, with an exit code, and without a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import unknown_variables

SEGMENTS = Path(sys.executable).with_name("segments")


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [SEGMENTS, *arguments],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("command", [("check",), ("migrate",), ("token", "--account", "demo"), ("serve",)], ids=str)
def test_a_database_that_cannot_be_reached_is_named_in_a_line(command: tuple[str, ...]) -> None:
    url = "postgresql://somebody:hushhush@127.0.0.1:1/nowhere"
    done = run(*command, DATABASE_URL=url, SEGMENTS_JWT_SECRET="s" * 40, PORT="0")
    assert done.returncode == 1
    assert "Error: the database cannot be used: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "hushhush" not in done.stderr


def test_a_schema_that_is_not_there_is_named_in_a_line() -> None:
    done = run("schema", "--check", "nowhere.graphql")
    assert done.returncode == 2
    assert "'nowhere.graphql' does not exist" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_variable_that_is_no_setting_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = unknown_variables()
    monkeypatch.setenv("SEGMENTS_MAX_DEPHT", "3")
    monkeypatch.setenv("SEGMENTS_MAX_DEPTH", "3")
    assert unknown_variables() == sorted([*before, "SEGMENTS_MAX_DEPHT"])
