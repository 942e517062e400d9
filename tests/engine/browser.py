"""A Chromium driven over the DevTools protocol: no more of it than the tests of the page need."""

import asyncio
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",  # CI runs as root, where Chromium has no sandbox
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--window-size=1280,800",
    "--remote-debugging-port=0",
)
PATIENCE = 60.0


def find_chromium() -> str | None:
    """$CHROMIUM, or the first Chromium or Chrome on the PATH."""
    candidates = (os.environ.get("CHROMIUM"), *NAMES)
    return next((found for name in candidates if name and (found := shutil.which(name))), None)


@dataclass
class Page:
    """One tab and its workers: what they fetched, and what went wrong in them."""

    connection: ClientConnection
    session: str = ""
    fetched: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _waiting: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def send(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": params, "sessionId": session or self.session}
        await self.connection.send(json.dumps({key: value for key, value in message.items() if value != ""}))
        return await asyncio.wait_for(answer, PATIENCE)

    async def listen(self) -> None:
        async for text in self.connection:
            message = json.loads(text)
            if "id" not in message:
                self._note(message["method"], message["params"])
            elif (waiting := self._waiting.pop(message["id"])) and not waiting.done():
                waiting.set_result(message.get("result", {"error": message.get("error")}))

    async def watch(self, session: str) -> None:
        """Have a tab or a worker report what it does, before its first line runs."""
        for domain in ("Network", "Runtime", "Log"):
            await self.send(f"{domain}.enable", session)
        await self.send("Target.setAutoAttach", session, autoAttach=True, waitForDebuggerOnStart=True, flatten=True)
        await self.send("Runtime.runIfWaitingForDebugger", session)

    def _note(self, event: str, params: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.fetched.append(params["request"]["url"])
        elif event == "Network.webSocketCreated":
            self.fetched.append(params["url"])
        elif event == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.problems.append(f"{params['entry']['text']} {params['entry'].get('url', '')}".strip())
        elif event == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.problems.append(" ".join(str(one.get("value", one.get("description"))) for one in params["args"]))
        elif event == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description", details["text"]))
        elif event == "Target.attachedToTarget" and params["targetInfo"]["type"] != "page":
            task = asyncio.ensure_future(self.watch(params["sessionId"]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def open(self, address: str) -> None:
        await self.send("Page.navigate", url=address)

    async def evaluate(self, expression: str) -> Any:
        answer = await self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Wait for an expression to be true, and give its value."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not (value := await self.evaluate(expression)):
            assert asyncio.get_running_loop().time() < deadline, f"never true: {expression}; {self.problems}"
            await asyncio.sleep(0.05)
        return value

    async def until_text(self, selector: str, text: str) -> None:
        """Wait for a text beneath a selector. Monaco writes its spaces as no-break ones."""
        element = f"document.querySelector({json.dumps(selector)})"
        await self.until(f"({element}?.textContent ?? '').replaceAll('\\u00a0', ' ').includes({json.dumps(text)})")

    async def click(self, selector: str) -> None:
        """Click the middle of an element with the mouse, as menus want it."""
        box = f"document.querySelector({json.dumps(selector)})?.getBoundingClientRect().toJSON()"
        place = await self.until(box)
        x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def type(self, text: str) -> None:
        await self.send("Input.insertText", text=text)


@asynccontextmanager
async def open_page(chromium: str) -> AsyncIterator[Page]:
    """A fresh browser with one empty tab, gone afterwards."""
    async with AsyncExitStack() as stack:
        profile = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        process = await asyncio.create_subprocess_exec(
            chromium,
            *FLAGS,
            f"--user-data-dir={profile}",
            "about:blank",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        stack.push_async_callback(_end, process)
        address = await _debugging_address(profile / "DevToolsActivePort", process)
        page = Page(await stack.enter_async_context(connect(address, max_size=None, ping_interval=None)))
        listening = asyncio.ensure_future(page.listen())
        stack.callback(listening.cancel)
        target = await page.send("Target.createTarget", url="about:blank")
        attached = await page.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page.session = attached["sessionId"]
        await page.send("Page.enable")
        await page.watch(page.session)
        yield page


async def _debugging_address(port_file: Path, process: asyncio.subprocess.Process) -> str:
    async with asyncio.timeout(PATIENCE):
        while process.returncode is None:
            lines = _lines(port_file)
            if len(lines) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            await asyncio.sleep(0.05)
    raise RuntimeError(f"Chromium ended at once, with code {process.returncode}")


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), 10)
    except TimeoutError:
        process.kill()
        await process.wait()
