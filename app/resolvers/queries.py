"""The root fields that read."""

from collections.abc import Sequence
from typing import Annotated, Any

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.domain import audit, contracts, lists, quota, reading, requirements
from app.domain.eligibility import NO_RULES
from app.domain.errors import BadUserInputError
from app.domain.listing import Listing, read_page
from app.domain.names import many_ids, uuid
from app.domain.paging import PageArguments
from app.engine.batch import BatchFunction, load
from app.engine.plan import Asking, Columns, read_of
from app.resolvers.loaders import campaigns as campaign_loaders
from app.resolvers.loaders import candidates as candidate_loaders
from app.resolvers.loaders import segments as segment_loaders
from app.resolvers.loaders import vacancies as vacancy_loaders
from app.resolvers.preview import preview
from app.schema.account import Account, AddCandidatesPreview, Contract, QuotaUsage, Viewer
from app.schema.audit import AuditEntryConnection, AuditFilter
from app.schema.campaign import CampaignConnection
from app.schema.candidate import Candidate, CandidateConnection
from app.schema.connections import After, Before, First, Last, reads_cursors
from app.schema.enums import CandidateOrderField, Channel, OrderDirection, SegmentOrderField
from app.schema.inputs import (
    CampaignFilter,
    CandidateFilter,
    CandidateListFilter,
    CandidateOrder,
    CandidateSelection,
    SegmentFilter,
    SegmentOrder,
    SuppressionFilter,
    VacancyFilter,
)
from app.schema.node import Node, TypedRow
from app.schema.operation import MembershipOperation
from app.schema.policy import PrivacyPolicy
from app.schema.requirement import RequiredPoliciesPreview, SegmentLoss
from app.schema.segment import Segment, SegmentConnection
from app.schema.suppression import SuppressionConnection
from app.schema.vacancy import CandidateListConnection, VacancyConnection

Asked = Info[Context, None]

BY_KIND: dict[str, BatchFunction] = {
    "Segment": segment_loaders.segments_by_id,
    "Candidate": candidate_loaders.candidates_by_id,
    "MembershipOperation": segment_loaders.operations_by_id,
    "PrivacyPolicy": candidate_loaders.policies_by_id,
    "Vacancy": vacancy_loaders.vacancies_by_id,
    "CandidateList": vacancy_loaders.candidate_lists_by_id,
    "Campaign": campaign_loaders.campaigns_by_id,
}

NEWEST_FIRST = CandidateOrder(field=CandidateOrderField.CREATED_AT, direction=OrderDirection.DESC)
BY_NAME = SegmentOrder(field=SegmentOrderField.NAME)


def reader(info: Asked) -> Context:
    """The context of an operation that may read. Raises FORBIDDEN."""
    info.context.demand(Permission.READ)
    return info.context


async def _page(info: Asked, listing: Listing, asked: PageArguments) -> Any:
    context = info.context
    window = context.window(listing.order, asked)
    keyed = reads_cursors(_columns(info))
    return await read_page(context.database, context.account_id, listing, window, context.cursors, keyed)


def _columns(info: Asked) -> Columns | None:
    """What is read of the field's value, when a plan says so."""
    return info.columns if isinstance(info, Asking) else None


def _kept(info: Asked) -> dict[Any, Any]:
    """What was made of the field's arguments, and is there again when the request comes again."""
    return info.kept if isinstance(info, Asking) else {}


async def _nodes(context: Context, ids: Sequence[str]) -> list[Any]:
    """The rows of any ids, each with its kind: one statement for the kinds and one for each kind."""
    if len(ids) > context.settings.max_ids:
        raise BadUserInputError(f"At most {context.settings.max_ids} ids at once, not {len(ids)}.")
    wanted = [uuid(each) for each in ids]
    kinds = await reading.kinds(context.database, context.account_id, list({each for each in wanted if each}))
    found: dict[Any, TypedRow] = {}
    for kind in sorted(set(kinds.values())):
        of_kind = [each for each in kinds if kinds[each] == kind]
        if kind == "Account":
            rows: dict[Any, Any] = {context.account_id: {"id": context.account_id, "name": context.account.name}}
        else:
            rows = dict(await BY_KIND[kind](context, of_kind))
        found |= {each: TypedRow(kind, rows[each]) for each in of_kind if each in rows}
    return [found.get(each) for each in wanted]


@strawberry.type(description="Everything that can be read. All of it belongs to the token's account.")
class Query:
    @strawberry.field(description="Anything by its id; null when the account has nothing with this id.")
    async def node(
        self,
        info: Asked,
        id: Annotated[strawberry.ID, strawberry.argument(description="The id of anything in the account.")],
    ) -> Node | None:
        node: Node | None = (await _nodes(reader(info), [id]))[0]
        return node

    @strawberry.field(description="Things by their ids, in the order of the ids; null where there is nothing.")
    async def nodes(
        self,
        info: Asked,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="The ids, at most 1,000.")],
    ) -> list[Node | None]:
        return await _nodes(reader(info), ids)

    @strawberry.field(description="Who is asking, for which account, and what they may do. Needs no permission.")
    async def viewer(self, info: Asked) -> Viewer:
        context = info.context
        return Viewer(
            subject=context.principal.subject,
            account=Account(id=strawberry.ID(str(context.account.id)), name=context.account.name),
            permissions=[each for each in Permission if each in context.principal.permissions],
        )

    @strawberry.field(description="A segment by its id; null when there is none.")
    async def segment(
        self, info: Asked, id: Annotated[strawberry.ID, strawberry.argument(description="The segment's id.")]
    ) -> Segment | None:
        return await _one(info, segment_loaders.segments_by_id, id)

    @strawberry.field(description="The account's segments. Archived ones only when the filter asks for them.")
    async def segments(
        self,
        info: Asked,
        filter: Annotated[SegmentFilter | None, strawberry.argument(description="Which segments.")] = None,
        order_by: Annotated[SegmentOrder | None, strawberry.argument(description="Default: by name.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> SegmentConnection:
        context = reader(info)
        order = order_by or BY_NAME
        descending = order.direction is OrderDirection.DESC
        shown = filter or SegmentFilter()
        demands = await context.rules() if shown.available_for is not None else NO_RULES
        listing = lists.segments(shown, order.field, descending, demands, context.settings)
        return await _page(info, listing, PageArguments(first, after, last, before))

    @strawberry.field(description="A candidate by their id; null when there is none.")
    async def candidate(
        self, info: Asked, id: Annotated[strawberry.ID, strawberry.argument(description="The candidate's id.")]
    ) -> Candidate | None:
        return await _one(info, candidate_loaders.candidates_by_id, id)

    @strawberry.field(description="The account's candidates, searched.")
    async def candidates(
        self,
        info: Asked,
        filter: Annotated[CandidateFilter | None, strawberry.argument(description="Which candidates.")] = None,
        order_by: Annotated[
            CandidateOrder | None, strawberry.argument(description="Default: those created last come first.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> CandidateConnection:
        context = reader(info)
        order = order_by or NEWEST_FIRST
        descending = order.direction is OrderDirection.DESC
        kept = _kept(info)
        listing: Listing | None = kept.get(Listing)
        if listing is None:
            wanted = read_of(_columns(info), "Candidate")
            demands = await context.rules() if filter and filter.needs_rules else NO_RULES
            listing = lists.candidates(filter, order.field, descending, demands, context.settings, wanted)
            if demands is NO_RULES:  # Others are an account's.
                kept[Listing] = listing
        return await _page(info, listing, PageArguments(first, after, last, before))

    @strawberry.field(description="The account's vacancies, those opened last first.")
    async def vacancies(
        self,
        info: Asked,
        filter: Annotated[VacancyFilter | None, strawberry.argument(description="Which vacancies.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> VacancyConnection:
        context = reader(info)
        wanted = filter or VacancyFilter()
        listing = lists.vacancies(wanted.title_contains, wanted.open, context.settings)
        return await _page(info, listing, PageArguments(first, after, last, before))

    @strawberry.field(description="The account's candidate lists, by name.")
    async def candidate_lists(
        self,
        info: Asked,
        filter: Annotated[CandidateListFilter | None, strawberry.argument(description="Which lists.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> CandidateListConnection:
        context = reader(info)
        listing = lists.candidate_lists(filter.name_contains if filter else None, context.settings)
        return await _page(info, listing, PageArguments(first, after, last, before))

    @strawberry.field(description="The account's campaigns, those made last first.")
    async def campaigns(
        self,
        info: Asked,
        filter: Annotated[CampaignFilter | None, strawberry.argument(description="Which campaigns.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> CampaignConnection:
        context = reader(info)
        wanted = filter or CampaignFilter()
        listing = lists.campaigns(wanted.name_contains, wanted.channel, context.settings)
        return await _page(info, listing, PageArguments(first, after, last, before))

    @strawberry.field(description="The addresses that must not be contacted, by channel and in alphabetical order.")
    async def suppressions(
        self,
        info: Asked,
        filter: Annotated[SuppressionFilter | None, strawberry.argument(description="Which addresses.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> SuppressionConnection:
        context = reader(info)
        wanted = filter or SuppressionFilter()
        listing = lists.suppressions(wanted.channel, wanted.address_contains, context.settings)
        return await _page(info, listing, PageArguments(first, after, last, before))

    @strawberry.field(description="The account's privacy policies, by name.")
    async def privacy_policies(self, info: Asked) -> list[PrivacyPolicy]:
        policies: list[Any] = list((await reader(info).policies()).values())
        return policies

    @strawberry.field(
        description="Who would leave if setRequiredPolicies were called, without doing it. NOT_FOUND comes as an error."
    )
    async def required_policies_preview(
        self,
        info: Asked,
        channel: Annotated[Channel, strawberry.argument(description="The channel whose segments would demand them.")],
        policy_ids: Annotated[
            list[strawberry.ID], strawberry.argument(description="Every policy it would demand, and no other.")
        ],
    ) -> RequiredPoliciesPreview:
        context = reader(info)
        path = ("policyIds",)
        ids = many_ids(policy_ids, path, context.settings.max_ids)
        losses = await requirements.preview(context.database, context.account_id, channel, ids, path)
        most = list(losses.by_segment.items())[: context.settings.default_page]
        return RequiredPoliciesPreview(
            lost_membership_count=losses.memberships,
            lost_candidate_count=losses.endpoints,
            segments=[SegmentLoss(segment_id=segment_id, lost_count=count) for segment_id, count in most],
        )

    @strawberry.field(
        description="The contract in force and what is used of it. CONTRACT_INACTIVE when none is in force today."
    )
    async def quota_usage(self, info: Asked) -> QuotaUsage:
        context = reader(info)
        return await quota.usage(context.database, context.account_id)

    @strawberry.field(
        description=(
            "The account's contracts, past and to come, those that start last first; at most 100. Of those whose dates"
            " include today the first is in force."
        )
    )
    async def contracts(self, info: Asked) -> list[Contract]:
        context = reader(info)
        found: list[Any] = await contracts.newest(context.database, context.account_id, context.settings.max_page)
        return found

    @strawberry.field(description="Who changed what, newest first. Needs MANAGE_ACCOUNT.")
    async def audit_log(
        self,
        info: Asked,
        filter: Annotated[AuditFilter | None, strawberry.argument(description="Which entries.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> AuditEntryConnection:
        context = info.context
        context.demand(Permission.MANAGE_ACCOUNT)
        listing = audit.entries(filter or AuditFilter(), context.settings)
        return await _page(info, listing, PageArguments(first, after, last, before))

    @strawberry.field(
        description=(
            "What addCandidatesToSegment would do, without doing it. NOT_FOUND, SEGMENT_ARCHIVED, CONTRACT_INACTIVE"
            " and INVALID_INPUT come as errors."
        )
    )
    async def add_candidates_preview(
        self,
        info: Asked,
        segment_id: Annotated[strawberry.ID, strawberry.argument(description="The segment to add to.")],
        candidates: Annotated[CandidateSelection, strawberry.argument(description="Whom to add.")],
    ) -> AddCandidatesPreview:
        return await preview(reader(info), segment_id, candidates)

    @strawberry.field(description="An operation by its id; null when there is none.")
    async def operation(
        self, info: Asked, id: Annotated[strawberry.ID, strawberry.argument(description="The operation's id.")]
    ) -> MembershipOperation | None:
        return await _one(info, segment_loaders.operations_by_id, id)


async def _one(info: Asked, function: BatchFunction, text: str) -> Any:
    reader(info)
    return await load(info, function, uuid(text))
