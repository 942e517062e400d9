"""docs/glossary.md explains the words that the code uses."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROWS = re.findall(r"^\| \*\*(.+?)\*\* \| (.+) \|$", (ROOT / "docs" / "glossary.md").read_text("utf-8"), re.MULTILINE)
CODE = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "app").rglob("*.py"))).lower()


@pytest.mark.parametrize("word", [word for word, _ in ROWS])
def test_a_word_of_the_glossary_is_a_word_of_the_code(word: str) -> None:
    assert re.search(rf"(?<![a-z]){word.lower().replace(' ', '[ _-]?')}", CODE)


def test_the_words_come_in_the_order_of_the_alphabet_each_once() -> None:
    words = [word for word, _ in ROWS]
    assert words == sorted(set(words))
    assert len(words) > 30
