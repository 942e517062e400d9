"""A process that uses a data directory until told to leave: `guest.py running|serving|secret DIRECTORY [UID GID]`."""

import asyncio
import json
import os
import sys
from pathlib import Path

import asyncpg

from app.embedded import EmbeddedDatabaseError, running, secret, serving
from tests.embedded.processes import TEST_OPTIONS


async def select(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def say(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main(act: str, directory: str, *account: str) -> None:
    if account:
        os.setgroups([])
        os.setgid(int(account[1]))
        os.setuid(int(account[0]))
    data_dir = Path(directory)
    try:
        if act == "secret":
            say(secret=secret(data_dir))
        elif act == "serving":
            with serving(data_dir):
                say(serving=True)
                sys.stdin.readline()
        else:
            with running(data_dir, TEST_OPTIONS) as database:
                say(url=database.url, answer=asyncio.run(select(database.url, "SELECT 42")))
                sys.stdin.readline()
    except EmbeddedDatabaseError as error:
        say(error=type(error).__name__, message=str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
