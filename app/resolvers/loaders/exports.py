"""Where segments and audiences can be fetched whole."""

from collections.abc import Sequence
from time import time
from typing import Annotated
from uuid import UUID

import strawberry

from app.auth import Permission
from app.context import Context
from app.domain.export_links import ExportKind, ExportLink
from app.schema.enums import ExportFormat

Format = Annotated[ExportFormat, strawberry.argument(description="How the file is written.")]


async def export_urls_by_segment(
    context: Context, segment_ids: Sequence[UUID], format: Format = ExportFormat.CSV
) -> dict[UUID, str]:
    return _urls(context, ExportKind.SEGMENT, segment_ids, format)


async def export_urls_by_campaign(
    context: Context, campaign_ids: Sequence[UUID], format: Format = ExportFormat.CSV
) -> dict[UUID, str]:
    return _urls(context, ExportKind.CAMPAIGN, campaign_ids, format)


def _urls(context: Context, kind: ExportKind, ids: Sequence[UUID], format: ExportFormat) -> dict[UUID, str]:
    """None for those who may not read: what mutations answer, they may see without that permission."""
    if Permission.READ not in context.principal.permissions:
        return {}
    alias = context.account.alias_of(context.principal.subject)
    expires_at = int(time()) + context.settings.export_url_seconds
    return {
        id: "/exports?token="
        + ExportLink(context.account_id, kind, id, format, alias, expires_at).signed(context.account.secret)
        for id in ids
    }
