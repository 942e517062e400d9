"""What can go wrong with the embedded database: one class per cause, whose docstring is its message."""

from pathlib import Path


class EmbeddedDatabaseError(Exception):
    """The embedded PostgreSQL cannot be used."""

    def __init__(self, **fields: object) -> None:
        super().__init__(str(self.__doc__).format(**fields))


class AlreadyServingError(EmbeddedDatabaseError):
    """Segments is already serving from {directory}, as process {pid}. Stop that one first, or set SEGMENTS_DATA_DIR to another directory and PORT to another port to run a second beside it."""  # noqa: E501

    def __init__(self, directory: Path, pid: str) -> None:
        super().__init__(directory=directory, pid=pid)
        self.directory = directory
        self.pid = pid


class EmbeddedStartError(EmbeddedDatabaseError):
    """The embedded PostgreSQL in {directory} did not start: {reason}. The last lines it wrote:
    {log}"""

    def __init__(self, directory: Path, reason: str, log: str) -> None:
        super().__init__(directory=directory, reason=reason, log=log.replace("\n", "\n    ") or "(nothing)")
        self.log = log


class UnusableDataDirectoryError(EmbeddedDatabaseError):
    """{directory} cannot hold the data of Segments: {reason}. Set SEGMENTS_DATA_DIR to use another directory."""

    def __init__(self, directory: Path, reason: str) -> None:
        super().__init__(directory=directory, reason=reason)
