"""What adding candidates would do."""

from app.context import Context
from app.domain import lapses, quota, segments
from app.domain.membership import assess
from app.domain.names import one_id
from app.domain.selection import resolve
from app.schema.account import AddCandidatesPreview
from app.schema.inputs import CandidateSelection
from app.schema.operation import ineligible_counts


async def preview(context: Context, segment_id: str, candidates: CandidateSelection) -> AddCandidatesPreview:
    database, account_id, settings = context.database, context.account_id, context.settings
    found_id = one_id(segment_id, ("segmentId",), "segment")
    rows = await segments.by_id(database, account_id, [found_id])
    segment = segments.changeable(found_id, rows.get(found_id), ("segmentId",))
    demands = await context.rules()
    selected = await resolve(database, account_id, candidates, ("candidates",), demands, settings)
    usage = await quota.usage(database, account_id)
    found = await assess(database, account_id, segment, selected, demands, settings)
    fits = found.new_endpoints <= usage["remaining"]
    if not fits:
        # The addition would sweep first.
        room = usage["limit"] - usage["used"] - usage["reserved"]
        fits = found.new_endpoints <= room + await lapses.freed_by_sweep(database, account_id)
    return AddCandidatesPreview(
        matched_count=found.matched,
        already_member_count=found.already_member,
        ineligible=ineligible_counts({code.value: count for code, count in found.reasons.items()}),
        addable_count=found.addable,
        new_endpoint_count=found.new_endpoints,
        quota_usage=usage,
        fits_quota=fits,
    )
