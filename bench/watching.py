"""What it costs to watch an operation: microseconds that each observer adds to the smallest one, without HTTP."""

import asyncio
import io
from time import process_time
from timeit import repeat

from app import logs
from app.engine.execution import Engine
from app.engine.observing import Exchange, Observed, ObservedApp, ObservedEngine, Observer
from app.engine.requests import GraphQLRequest
from app.metrics import Metrics
from app.settings import Settings
from tests.engine.sample import Visitor, explain, graph

ROUNDS = 40
OPERATIONS = 250
ASKED = GraphQLRequest("query Greeting { hello }", None, None, None, None)
HEADERS = [(name, b"x") for name in (b"host", b"accept", b"content-type", b"user-agent", b"authorization")]


async def measure() -> None:
    settings = Settings(log_format="json")
    logs.configure(settings, io.StringIO())
    metrics, log = Metrics(settings), logs.OperationLog()
    watched: dict[str, list[Observer]] = {"nobody": [], "metrics": [metrics], "metrics and the log": [metrics, log]}
    engines: dict[str, Engine] = {"": Engine(graph(), settings, explain)}
    engines |= {name: ObservedEngine(graph(), settings, explain, each) for name, each in watched.items()}
    best = dict.fromkeys(engines, float("inf"))
    around = dict.fromkeys(("", "the app"), float("inf"))
    app = ObservedApp(_answer, [metrics], lambda: False)
    for _ in range(ROUNDS):
        # Taken in turns, so that a busy moment of the machine is nobody's in particular.
        for name, engine in engines.items():
            best[name] = min(best[name], await _operations(engine))
        around[""] = min(around[""], await _requests(_answer))
        around["the app"] = min(around["the app"], await _requests(app))
    for name in watched:
        print(f"engine, observed by {name}: {best[name] - best['']:+.1f} us")
    print(f"app, observed by metrics: {around['the app'] - around['']:+.1f} us")
    print(f"what metrics count of a request, alone: {_counting(metrics):.2f} us")


async def _operations(engine: Engine) -> float:
    visitor = Visitor()
    begun = process_time()
    for _ in range(OPERATIONS):
        await engine.answer(await engine.admit(ASKED, visitor), visitor, "0b9f4f0c-6f0f-4c39-8d4f-6a6f5a0e7f11")
    return (process_time() - begun) / OPERATIONS * 1e6


async def _requests(app) -> float:  # type: ignore[no-untyped-def]
    async def send(_: object) -> None: ...

    begun = process_time()
    for _ in range(OPERATIONS):
        await app({"type": "http", "headers": HEADERS}, None, send)
    return (process_time() - begun) / OPERATIONS * 1e6


def _counting(metrics: Metrics) -> float:
    exchange = Exchange(headers=HEADERS)
    operation = Observed("Greeting", "query", 1, (), Visitor(), "", exchange, "http")
    operation.executor, operation.seconds = "levels", 0.002

    def count() -> None:
        metrics.opened(exchange)
        metrics.ended(operation)
        metrics.closed(exchange, 200)

    return min(repeat(count, number=OPERATIONS, repeat=ROUNDS, timer=process_time)) / OPERATIONS * 1e6


async def _answer(_: object, __: object, send) -> None:  # type: ignore[no-untyped-def]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    asyncio.run(measure())
