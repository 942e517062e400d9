"""`segments serve` as a process of its own, which can be killed."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import httpx

SEGMENTS = Path(sys.executable).with_name("segments")

SECONDS_BETWEEN_SIGNALS = 0.02


class ServingProcess:
    """A server on the database of this url, or an embedded one. It keeps its port and its log over restarts."""

    def __init__(self, database_url: str | None, secret: str, log: Path, **environment: str) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._log = log
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
            **({} if database_url is None else {"DATABASE_URL": database_url}),
            "SEGMENTS_JWT_SECRET": secret,
            "SEGMENTS_LOG_LEVEL": "WARNING",
            # Other tests leave operations in the database that nobody is to work on.
            "SEGMENTS_WORKERS": "0",
            "PORT": str(self.port),
            **environment,
        }
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns once it serves."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                SEGMENTS, "serve", env=self._environment, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        async with httpx.AsyncClient(trust_env=False) as http, asyncio.timeout(60):
            while not await self._is_ready(http):  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async def kill(self) -> None:
        """Ends it at once, by a signal that it cannot catch."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def ended(self, told: signal.Signals | None = None) -> int:
        """The code that it ends with. Meanwhile it is told again and again to stop, if this is a signal."""
        assert self._process is not None
        ending = asyncio.create_task(self._process.wait())
        while told is not None and not ending.done():
            self.signal(told)
            await asyncio.wait({ending}, timeout=SECONDS_BETWEEN_SIGNALS)
        return await ending

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    def logged(self) -> str:
        return self._log.read_text(encoding="utf-8")

    async def _is_ready(self, http: httpx.AsyncClient) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, self.logged()
        try:
            return (await http.get(f"{self.address}/readyz")).status_code == 200
        except httpx.TransportError:
            return False


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
