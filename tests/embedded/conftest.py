"""A data directory for tests that are about something else than the first start."""

from pathlib import Path

import pytest

from app.embedded import running
from tests.embedded.processes import TEST_OPTIONS


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that tests use one after the other: first starts are slow. Leave it whole and stopped."""
    data_dir = tmp_path_factory.mktemp("used") / "data"
    with running(data_dir, TEST_OPTIONS):
        pass
    return data_dir
