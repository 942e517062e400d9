"""Which directories can hold the data, one server for each, and the secret that each keeps."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from app.embedded import AlreadyServingError, UnusableDataDirectoryError, running, secret, serving
from app.embedded.directory import DataDirectory
from tests.embedded.processes import TEST_OPTIONS, Guest


def test_a_second_server_beside_the_first_is_refused_by_name(tmp_path: Path) -> None:
    with Guest("serving", tmp_path) as first:
        assert first.says() == {"serving": True}
        with pytest.raises(AlreadyServingError) as refused, serving(tmp_path):
            pass
        for told in (str(first.process.pid), str(tmp_path), "SEGMENTS_DATA_DIR", "PORT"):
            assert told in str(refused.value)
        assert first.process.poll() is None
        with pytest.raises(AlreadyServingError), serving(tmp_path):
            pass


def test_a_server_that_was_killed_or_has_left_makes_room(tmp_path: Path) -> None:
    with Guest("serving", tmp_path) as killed:
        killed.says()
        killed.kill()
    with serving(tmp_path):
        pass
    with serving(tmp_path), serving(tmp_path.parent / "beside"):
        pass


def test_the_secret_is_long_private_and_always_the_same(tmp_path: Path) -> None:
    first = secret(tmp_path / "one")
    assert len(first) >= 43
    assert set(first) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
    assert secret(tmp_path / "one") == first
    assert secret(tmp_path / "other") != first
    assert stat.S_IMODE((tmp_path / "one" / "secret").stat().st_mode) == 0o600
    assert os.listdir(tmp_path / "one") == ["secret"]


def test_processes_that_race_for_the_first_secret_agree(tmp_path: Path) -> None:
    guests = [Guest("secret", tmp_path / "new") for _ in range(4)]
    said = {guest.says()["secret"] for guest in guests}
    for guest in guests:
        guest.__exit__()
    assert len(said) == 1


def test_a_file_in_the_place_of_the_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(UnusableDataDirectoryError, match=r"Not a directory \(.*/data\)"):
        secret(tmp_path / "data")
    with pytest.raises(UnusableDataDirectoryError, match=r"File exists \(.*/data\)"):
        secret(tmp_path / "data" / "inside")


def test_data_of_another_postgresql_are_refused_and_kept(data_dir: Path) -> None:
    with running(data_dir, TEST_OPTIONS):
        pass
    version = data_dir / "pgdata" / "PG_VERSION"
    version.write_text("16\n")
    with pytest.raises(UnusableDataDirectoryError, match="PostgreSQL 16 made it and this is PostgreSQL 18"):
        running(data_dir).__enter__()
    version.write_text("18\n")
    with running(data_dir, TEST_OPTIONS):
        pass


@pytest.mark.parametrize("name", ["much too long " * 15, "a,comma", 'a "quotation"'])
def test_a_path_that_no_socket_fits_into_works_all_the_same(data_dir: Path, name: str) -> None:
    renamed = data_dir.rename(data_dir.with_name(name))
    with running(renamed, TEST_OPTIONS):
        shelter = DataDirectory.prepare(renamed).shelter
        assert shelter.parent == Path(tempfile.gettempdir()).resolve()
        assert stat.S_IMODE(shelter.stat().st_mode) & 0o067 == 0
        with Guest("running", renamed) as guest:
            assert guest.says()["answer"] == 42
    renamed.rename(data_dir)
    assert not shelter.exists()


def test_a_path_of_any_letters_goes_into_the_url() -> None:
    with tempfile.TemporaryDirectory() as short:
        data_dir = Path(short).resolve() / "100% & ünïcode?#=+:@ "
        with Guest("running", data_dir) as guest:
            assert guest.says()["answer"] == 42
            assert (data_dir / "socket" / ".s.PGSQL.5432").is_socket()


@pytest.mark.parametrize("squatter", ["a link", "open to all", "a file"])
def test_a_socket_directory_that_somebody_else_may_have_put_there_is_refused(tmp_path: Path, squatter: str) -> None:
    data_dir = tmp_path / ("much too long " * 15)
    shelter = DataDirectory.prepare(data_dir).shelter
    if squatter == "a link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        shelter.symlink_to(tmp_path / "elsewhere")
    elif squatter == "open to all":
        shelter.mkdir()
        shelter.chmod(0o777)
    else:
        shelter.write_text("")
    try:
        with pytest.raises(UnusableDataDirectoryError, match=f"{shelter}"):
            running(data_dir, TEST_OPTIONS).__enter__()
    finally:
        shelter.rmdir() if shelter.is_dir() and not shelter.is_symlink() else shelter.unlink()
