"""docs/settings.md says what the program reads."""

from pathlib import Path

from app.settings import Settings, environment_name
from app.settings_document import document

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"


def test_the_page_is_what_the_program_says_of_itself() -> None:
    assert PAGE.read_text(encoding="utf-8") == document(), "Run: .venv/bin/segments settings > docs/settings.md"


def test_every_setting_has_a_row_with_its_default_and_what_it_may_be() -> None:
    rows = [line for line in document().splitlines() if line.startswith("| `")]
    cells = {row.split(" | ")[0].strip("| `"): row.split(" | ") for row in rows}
    assert list(cells) == [environment_name(name) for name in Settings.model_fields]
    assert all(len(row) == 4 and all(row) for row in cells.values())
    assert cells["PORT"][1:3] == ["`8000`", "0 to 65535"]
    assert cells["DATABASE_URL"][1:3] == ["none", "`postgresql://...`"]
    assert cells["SEGMENTS_LOCK_TIMEOUT"][1:3] == ["`20`", "more than 0, at most 600"]
