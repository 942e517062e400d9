"""Exports over HTTP: signed addresses, and files that go from PostgreSQL to the client without being held here."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import perf_counter, time
from urllib.parse import quote
from uuid import UUID

import asyncpg
import structlog
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from app.database import Database
from app.domain import exports
from app.domain.accounts import Account
from app.domain.export_links import BadLinkError, ExportFormat, ExportLink
from app.engine.requests import HttpRequest
from app.settings import Settings

log = structlog.get_logger("segments.exports")
gate = logging.getLogger("segments.exports")

MEDIA_TYPES = {
    ExportFormat.CSV: "text/csv; charset=utf-8; header=present",
    ExportFormat.NDJSON: "application/x-ndjson; charset=utf-8",
}

RETRY_SECONDS = 10


class StalledError(Exception):
    """The client leaves the export unread for too long."""


class ExportWatch:
    """Somebody who wants to know of exports."""

    def export_began(self) -> None:
        """The server begins to answer."""

    def export_refused(self, link: ExportLink) -> None:
        """It does not, because enough are running."""

    def export_ended(self, link: ExportLink, outcome: str, size: int) -> None:
        """It has sent so many bytes, all of them if the outcome is completed."""


class Exports:
    """Serves /exports: what a link is to, to whoever has it.

    An export that breaks off ends without the last chunk of its encoding, by which clients know.
    """

    def __init__(
        self,
        settings: Settings,
        database: Callable[[], Database],
        account: Callable[[UUID], Awaitable[Account | None]],
        watch: ExportWatch | None = None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._account = account
        self._watch = watch or ExportWatch()
        self._running: Counter[UUID] = Counter()
        """How many each account has, without those that have none."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HttpRequest(scope, receive)
        link, account = await self._verified(request.head.query.get("token", ""))
        if request.head.method == "HEAD":
            what = await exports.named(self._database(), account.id, link.kind, link.id)
            await send(_start(_found(what), link.format))
            await send({"type": "http.response.body"})
            return
        self._demand_room(link)
        self._running[account.id] += 1
        self._watch.export_began()
        try:
            await self._send(request, send, link)
        finally:
            self._running -= Counter({account.id: 1})

    def _demand_room(self, link: ExportLink) -> None:
        """So many run at once, and fewer for one account, so that it cannot keep the others from theirs."""
        if self._running.total() >= self._settings.max_exports:
            status, reason = 503, "Too many exports run at this moment. Try again soon"
        elif self._running[link.account_id] >= self._settings.exports_per_account:
            status, reason = 429, "The account has as many exports running as it may. Try again when one has ended"
        else:
            return
        self._watch.export_refused(link)
        raise HTTPException(status, reason, {"Retry-After": str(RETRY_SECONDS)})

    async def _verified(self, token: str) -> tuple[ExportLink, Account]:
        """What the link is to. It is refused alike whether it is tampered with, made up or of another's account."""
        refused = HTTPException(403, "This is not a link that the server made. Ask for a new one")
        try:
            link = ExportLink.read(token)
        except BadLinkError:
            raise refused from None
        account = await self._account(link.account_id)
        if account is None or not link.is_signed(token, account.secret):
            raise refused
        if link.expires_at <= time():
            raise HTTPException(410, "The link has expired. Ask for a new one")
        return link, account

    async def _send(self, request: HttpRequest, send: Send, link: ExportLink) -> None:
        body = _Body(send, link.format, self._settings.send_timeout)
        began = perf_counter()
        copying = asyncio.create_task(self._copy(link, body))
        gone = asyncio.create_task(request.until_gone())
        outcome = "cancelled"
        try:
            await asyncio.wait({copying, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not copying.done():
                outcome = "abandoned"
                return
            outcome = _outcome(copying)
        finally:
            for task in (copying, gone):
                task.cancel()
            await asyncio.gather(copying, gone, return_exceptions=True)
            self._watch.export_ended(link, outcome, body.size)
            _note(link, outcome, body, perf_counter() - began)
        if outcome != "completed" and not body.begun:
            # Nothing was sent, so the failure can be told in the usual way.
            copying.result()

    async def _copy(self, link: ExportLink, body: "_Body") -> None:
        async with self._database().exporting() as snapshot:
            what = _found(await exports.named(snapshot, link.account_id, link.kind, link.id))
            body.what = what
            try:
                await exports.export(snapshot, link.account_id, what, link.format, body.write)
            except asyncpg.QueryCanceledError:
                raise HTTPException(503, "The export took too long and was stopped") from None
        await body.end()


class _Body:
    """The answer, whose head goes out with the first piece."""

    def __init__(self, send: Send, format: ExportFormat, seconds: float) -> None:
        self._send = send
        self._format = format
        self._seconds = seconds
        self.what: exports.Named | None = None
        self.begun = False
        self.size = 0

    async def write(self, piece: bytes) -> None:
        """Raises StalledError when the client does not read what it was sent."""
        await self._begin()
        self.size += len(piece)
        await self._hand_over({"type": "http.response.body", "body": piece, "more_body": True})

    async def end(self) -> None:
        """Raises StalledError likewise: the last pieces may be what it does not read."""
        await self._begin()
        await self._hand_over({"type": "http.response.body"})

    async def _begin(self) -> None:
        if not self.begun:
            self.begun = True
            await self._hand_over(_start(_found(self.what), self._format))

    async def _hand_over(self, message: dict[str, object]) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._send(message)
        except OSError:
            raise StalledError from None


def _found(what: exports.Named | None) -> exports.Named:
    if what is None:
        raise HTTPException(404, "What the link is to has been deleted")
    return what


def _start(what: exports.Named, format: ExportFormat) -> dict[str, object]:
    name = exports.file_name(what, format)
    plain = "".join(each if each.isascii() and each.isprintable() else "_" for each in name)
    headers = {
        "content-type": MEDIA_TYPES[format],
        "content-disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "cache-control": "no-store, private",
        "referrer-policy": "no-referrer",
        "x-accel-buffering": "no",
        "x-content-type-options": "nosniff",
    }
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": 200, "headers": raw}


def _outcome(copying: "asyncio.Task[None]") -> str:
    match copying.exception():
        case None:
            return "completed"
        case StalledError():
            return "stalled"
        case HTTPException():
            return "stopped"
        case error:
            with suppress(Exception):
                log.error("export failed", exc_info=error)
            return "failed"


def _note(link: ExportLink, outcome: str, body: _Body, seconds: float) -> None:
    """A line in the log on who took out what. It has neither the link nor anything of its lines."""
    if gate.isEnabledFor(logging.INFO):
        log.info(
            "export",
            account=str(link.account_id),
            subject=f"#{link.subject.hex()}",
            of=link.kind.value,
            id=str(link.id),
            format=link.format.value,
            status=outcome,
            kilobytes=round(body.size / 1000),
            milliseconds=round(seconds * 1000),
        )
