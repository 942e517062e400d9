"""What a newcomer reads is true: queries run, commands exist, links lead somewhere."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import orjson
import pytest
from graphql import parse, validate

from app.cli import segments
from app.examples import EXAMPLES
from app.graph import schema
from app.importing.kinds import KINDS
from tests.client import Client
from tests.world import World

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

A_SEGMENT = "paste the id of a segment"
A_CANDIDATE = "paste the id of a candidate"
AN_OPERATION = "paste the id of an operation"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)\n```$", README, re.MULTILINE | re.DOTALL)


def filled(value: Any, ids: Mapping[str, str]) -> Any:
    """Variables with real ids in place of what the reader is to paste."""
    if isinstance(value, Mapping):
        return {name: filled(each, ids) for name, each in value.items()}
    return ids.get(value, value) if isinstance(value, str) else value


def test_the_readme_walks_through_the_examples_of_graphiql() -> None:
    assert blocks("graphql") == [example.query.strip() for example in EXAMPLES]
    assert [orjson.loads(block) for block in blocks("json")] == [each.variables for each in EXAMPLES if each.variables]
    assert re.findall(r"^### \d+\. (.+)$", README, re.MULTILINE) == [example.title for example in EXAMPLES]
    assert len(blocks("jsonc")) == len(EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_an_example_is_valid(example: Any) -> None:
    assert validate(schema, parse(example.query)) == []


async def test_the_examples_run_one_after_another(client: Client, world: World) -> None:
    await world.segment("Care on call")
    await world.candidates(2, headline="Engineer", skills=["Data Engineering"])
    await world.candidates(2, {}, headline="Software engineer")
    nurse = await world.candidate(headline="Nurse")
    ids = {A_CANDIDATE: str(nurse)}
    for example in EXAMPLES:
        data = await client.data(example.query, **filled(example.variables, ids))
        payload = next(iter(data.values()))
        assert payload
        assert not payload.get("userErrors"), example.title
        if "createSegment" in data:
            ids[A_SEGMENT] = payload["segment"]["id"]
        if "removeCandidatesFromSegment" in data:
            ids[AN_OPERATION] = payload["operation"]["id"]
            assert await world.run("SELECT FROM segment_member WHERE account_id = $1") == []
    assert len(await world.run("SELECT FROM segment_member WHERE account_id = $1")) == 2


def test_every_command_is_told_of_and_every_command_told_of_exists() -> None:
    table = README[README.index("\n## Commands") : README.index("\n## Settings")]
    assert set(re.findall(r"^\| `segments (\w+)", table, re.MULTILINE)) == set(segments.commands)
    for page in PAGES:
        told = re.findall(r"(?:\.venv/bin/|`|^)segments ([a-z]+)\b", page.read_text("utf-8"), re.MULTILINE)
        assert set(told) <= set(segments.commands), page


def test_every_option_of_a_command_in_the_readme_exists() -> None:
    for name, rest in re.findall(r"segments (\w+)([^`\n|]*)", README):
        if name in segments.commands:
            command: Any = segments.commands[name]
            if isinstance(command, click.Group):
                command = command.commands[rest.split()[0]]
            known = {option for parameter in command.params for option in parameter.opts}
            assert set(re.findall(r"--[a-z-]+", rest)) <= known, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_something(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_decision_is_in_the_list_of_them() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[^)]+)\)", (folder / "README.md").read_text("utf-8"))
    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))


def test_the_columns_of_imports_are_those_that_are_understood() -> None:
    page = (ROOT / "docs" / "importing.md").read_text("utf-8")
    told = dict(re.findall(r"^\| `([\w-]+)` \| (.+) \|$", page, re.MULTILINE))
    assert told.keys() == KINDS.keys()
    for name, columns in told.items():
        fields = [field.name for field in KINDS[name].shape.fields]
        named = [word for word in re.findall(r"\w+", columns) if word in fields]
        assert named == fields
        assert set(re.findall(r"\*\*(\w+)\*\*", columns)) == {
            field.name for field in KINDS[name].shape.fields if field.required
        }
