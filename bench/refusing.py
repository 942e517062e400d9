"""Looks for the documents that take longest to refuse, under the limits as they are set.

Each shape below is something that grows: it is tried in sizes up to what the limits let pass, alone and behind as many
empty lines as are allowed, which is what makes every mistake dear to place. The seconds are of CPU, for all that is
done before an operation could run, and for writing down what is refused; the best of three.

    .venv/bin/python -m bench.refusing
"""

import gc
from collections.abc import Callable, Iterator
from time import process_time

import orjson

from app.engine.documents import Documents
from app.engine.errors import RefusedDocumentError
from app.graph import schema
from app.settings import Settings

SETTINGS = Settings()
MOST = 0.1
"""Seconds that no document may take."""

SIZES = (1, 3, 10, 20, 30, 50, 100, 130, 200, 300, 400, 500, 700, 1_000, 1_900, 3_000, 9_000, 20_000, 49_000)
LINES = "\n" * (SETTINGS.max_document_lines - 1)


def many(piece: str, count: int) -> str:
    """The piece so many times, with a number of its own wherever it has a %."""
    return " ".join(piece.replace("%", str(number)) for number in range(count))


def fragments(count: int, body: str) -> str:
    spreads = many("...F%", count)
    return f"{{ viewer {{ subject }} {spreads} }} " + many(f"fragment F% on Query {{ {body} }}", count)


def chained(count: int, opening: str, closing: str) -> str:
    """Fragments that each spread the next one, within something."""
    links = (f"fragment F{number} on Segment {{ {opening} ...F{number + 1} {closing} }}" for number in range(count))
    return f"{{ segment(id: 1) {{ ...F0 }} }} {' '.join(links)} fragment F{count} on Segment {{ id }}"


SHAPES: dict[str, Callable[[int], str]] = {
    "a comment": lambda n: "{ viewer { subject } } #" + "x" * n,
    "comments": lambda n: "{ viewer { subject } }" + "\n#" * n,
    "spaces": lambda n: "{ viewer { subject } }" + " " * n,
    "a long name": lambda n: "{ " + "x" * n + " }",
    "long names": lambda n: "{ viewer { " + many("subjectsubjectsubjec%", n) + " } }",
    "a long number": lambda n: f"{{ segments(first: {'1' * n}) {{ totalCount }} }}",
    "a long text": lambda n: f'{{ segment(id: "{"x" * n}") {{ id }} }}',
    "long texts": lambda n: '{ nodes(ids: ["' + '" "'.join(["x" * 9_000] * n) + '"]) { id } }',
    "escapes": lambda n: f'{{ segments(first: "{"u00e9" * n}") {{ totalCount }} }}'.replace("u", "\\u"),
    "a block": lambda n: f'{{ segments(first: """{"x " * n}""") {{ totalCount }} }}',
    "lines of a block": lambda n: '{ segments(first: """' + " \n" * min(n, 4_990) + '""") { totalCount } }',
    "no end": lambda n: "{ viewer " * n,
    "equal fields": lambda n: f"{{ viewer {{ {'subject ' * n} }} }}",
    "equal objects": lambda n: "{ viewer { " + "account { id } " * n + "} }",
    "equal arguments": lambda n: "{ segment(id: 1) { " + "members(first: 1, after: 2) { totalCount } " * n + "} }",
    "equal filters": lambda n: (
        "{ segment(id: 1) { " + 'members(filter: {city: {in: ["a", "b"]}}) { totalCount } ' * n + "} }"
    ),
    "equal within equal": lambda n: "{ viewer { " + "account { id id name } account { name } " * n + "} }",
    "deep repeats": lambda n: "{ segment(id: 1) { " + "members { nodes { segments { nodes { id id } } } } " * n + "} }",
    "contradicting fields": lambda n: (
        "{ viewer { " + "account { x: id x: name } account { x: __typename } " * n + "} }"
    ),
    "contradicting objects": lambda n: "{ viewer { " + "x: account { id } x: permissions " * n + "} }",
    "unknown fields": lambda n: f"{{ viewer {{ {many('subjekt%', n)} }} }}",
    "unknown root fields": lambda n: f"{{ {many('candidateLisst%', n)} }}",
    "unknown arguments": lambda n: f"{{ segments({many('firsst%: 1', n)}) {{ totalCount }} }}",
    "equal arguments of a field": lambda n: f"{{ segments({'first: 1 ' * n}) {{ totalCount }} }}",
    "unknown directives": lambda n: f"{{ viewer {{ subject {many('@inclued%', n)} }} }}",
    "equal directives": lambda n: f"{{ viewer {{ subject {'@include(if: true) ' * n} }} }}",
    "unknown types": lambda n: many("fragment F% on SegmentMemberConnectoin% { id }", n),
    "unknown types of variables": lambda n: (
        f"query({many('$v%: AddCandidatesToSegmentInputt%', n)}) {{ viewer {{ subject }} }}"
    ),
    "unused variables": lambda n: f"query({many('$v%: Int', n)}) {{ viewer {{ subject }} }}",
    "equal variables": lambda n: f"query({'$v: Int ' * n}) {{ viewer {{ subject }} }}",
    "undefined variables": lambda n: f"{{ nodes(ids: [{many('$v%', n)}]) {{ id }} }}",
    "undefined variables in many operations": lambda n: (
        many("query Q% { ...A }", 40) + f" fragment A on Query {{ nodes(ids: [{many('$v%', n)}]) {{ id }} }}"
    ),
    "misfit variables": lambda n: f"query($v: Int) {{ nodes(ids: [{'$v ' * n}]) {{ id }} }}",
    "unknown inputs": lambda n: f"{{ segments(filter: {{{many('nameContainss%: 1', n)}}}) {{ totalCount }} }}",
    "equal inputs": lambda n: f"{{ segments(filter: {{{'nameContains: 1 ' * n}}}) {{ totalCount }} }}",
    "inputs within inputs": lambda n: "{ candidates(filter: " + "{not: " * n + "{}" + "}" * n + ") { totalCount } }",
    "lists within lists": lambda n: "{ nodes(ids: " + "[" * n + "]" * n + ") { id } }",
    "misfit inputs": lambda n: f"{{ candidates(filter: {{and: [{'{text: 1} ' * n}]}}) {{ totalCount }} }}",
    "one of too many": lambda n: (
        f"{{ addCandidatesPreview(segmentId: 1, candidates: {{{many('ids: []', n)}}}) {{ matchedCount }} }}"
    ),
    "misfit ids": lambda n: f"{{ nodes(ids: [{'1.5 ' * n}]) {{ id }} }}",
    "operations": lambda n: many("query Q% { viewer { subject } }", n),
    "nameless operations": lambda n: many("{ viewer { subject } }", n),
    "equal operations": lambda n: "query Q { viewer { subject } } " * n,
    "operations with all fragments": lambda n: (
        many("query Q% { ...A }", n)
        + f" fragment A on Query {{ {many('...B%', n)} }} "
        + many("fragment B% on Query { viewer { subject } }", n)
    ),
    "fragments": lambda n: fragments(n, "viewer { subject account { id } }"),
    "fragments that repeat": lambda n: fragments(n, "viewer { subject } " * 3),
    "fragments that contradict": lambda n: fragments(n, "viewer { x: subject x: __typename }"),
    "fragments that spread all later ones": lambda n: (
        "{ viewer { ...F0 } } "
        + " ".join(
            f"fragment F{i} on Viewer {{ account {{ id }} {' '.join(f'...F{j}' for j in range(i + 1, n))} }}"
            for i in range(n)
        )
    ),
    "fragments that nobody spreads": lambda n: "{ viewer { subject } } " + many("fragment F% on Viewer { subject }", n),
    "unused fragments that repeat": lambda n: (
        "{ viewer { subject } } "
        + " ".join(f"fragment F{i} on Viewer {{ account {{ id }} ...F{i + 1} ...F{i + 1} }}" for i in range(min(n, 49)))
        + f"fragment F{min(n, 49)} on Viewer {{ subject }}"
    ),
    "unused fragments that double": lambda n: (
        "{ viewer { subject } } "
        + " ".join(
            f"fragment F{i} on Account {{ a: id {f'...F{i + 1} ' * 6} {f'...F{i + 2} ' * 6} }}"
            for i in range(min(n, 47))
        )
    ),
    "equal fragments": lambda n: "{ ...F } " + "fragment F on Query { viewer { subject } } " * n,
    "a chain of fragments": lambda n: chained(n, "members { nodes { segments { nodes {", "} } } }"),
    "a chain of fragments without fields": lambda n: chained(n, "... {", "}"),
    "a chain of fragments in a circle": lambda n: chained(n, "id ...F0", ""),
    "a doubling": lambda n: chained(n, f"...F{n}", ""),
    "inline fragments": lambda n: "{ viewer { " + "... { " * n + "subject" + " }" * n + " } }",
    "inline fragments side by side": lambda n: "{ viewer { " + "... { subject } " * n + "} }",
    "impossible fragments": lambda n: "{ viewer { " + "... on Segment { id } " * n + "} }",
    "inline fragments in fragments": lambda n: chained(min(n, 49), "... { " * (n // 50), "} " * (n // 50)),
    "introspection": lambda n: "{ __schema { types { " + "fields { type { " * n + "name" + " } }" * n + " } } }",
    "definitions of types": lambda n: many("type T% { id: ID }", n),
    "leaves with selections": lambda n: "{ viewer { " + "subject { id } " * n + "} }",
    "nothing selected": lambda n: "{ viewer { " + "account " * n + "} }",
}


def seconds(documents: Documents, text: str) -> tuple[float, str]:
    """The CPU it takes, and what came of it."""
    best, outcome = float("inf"), ""
    for _ in range(3):
        gc.collect()
        began = process_time()
        try:
            documents.get(text)
            outcome = "taken"
        except RefusedDocumentError as refused:
            orjson.dumps(refused.formatted())
            outcome = refused.code
        best = min(best, process_time() - began)
        if best < MOST / 3:
            break
    return best, outcome


def found() -> Iterator[tuple[float, str, int, str]]:
    """For each shape its dearest document: seconds, shape, size, outcome."""
    for name, shape in SHAPES.items():
        worst = (0.0, name, 0, "")
        for size in SIZES:
            text = shape(size)
            if len(text) > SETTINGS.max_document_length:
                break
            for document in (text, LINES[: max(0, len(LINES) - text.count("\n"))] + text):
                took, outcome = seconds(Documents(schema, SETTINGS), document)
                worst = max(worst, (took, name, size, outcome))
        yield worst


def main() -> None:
    """Prints the dearest document of every shape, the worst first. Exits with 1 when one takes too long."""
    Documents(schema, SETTINGS).get("{ viewer { subject } }")
    gc.freeze()
    dearest = sorted(found(), reverse=True)
    for took, name, size, outcome in dearest:
        print(f"{1_000 * took:7.1f} ms  {name}, {size}: {outcome}")
    raise SystemExit(dearest[0][0] > MOST)


if __name__ == "__main__":
    main()
