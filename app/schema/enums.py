"""The closed sets of the graph, each value described."""

from enum import StrEnum

import strawberry

from app import models
from app.auth import Permission as PrincipalPermission
from app.domain import export_links
from app.domain.sync.candidate_lists import MembersMode


def described(kind: type[StrEnum], description: str, values: dict[str, str], name: str | None = None) -> None:
    """Makes an enum of the graph from one of ours."""
    strawberry.enum(kind, name=name or kind.__name__, description=description)
    for value in kind.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = values[value.name]


CandidateListMode = MembersMode
Channel = models.Channel
ExportFormat = export_links.ExportFormat
IneligibilityCode = models.IneligibilityCode
MembershipOperationKind = models.MembershipOperationKind
MembershipOperationStatus = models.MembershipOperationStatus
Permission = PrincipalPermission


class OrderDirection(StrEnum):
    ASC = "ASC"
    DESC = "DESC"


class SegmentOrderField(StrEnum):
    NAME = "NAME"
    CREATED_AT = "CREATED_AT"
    LAST_MODIFIED_AT = "LAST_MODIFIED_AT"
    MEMBER_COUNT = "MEMBER_COUNT"


class SegmentMemberOrderField(StrEnum):
    ADDED_AT = "ADDED_AT"
    LAST_NAME = "LAST_NAME"


class CandidateOrderField(StrEnum):
    LAST_NAME = "LAST_NAME"
    CREATED_AT = "CREATED_AT"


class QuotaPolicy(StrEnum):
    REJECT = "REJECT"
    FILL = "FILL"


class UserErrorCode(StrEnum):
    INVALID_INPUT = "INVALID_INPUT"
    NOT_FOUND = "NOT_FOUND"
    NAME_TAKEN = "NAME_TAKEN"
    SEGMENT_ARCHIVED = "SEGMENT_ARCHIVED"
    CHANNEL_MISMATCH = "CHANNEL_MISMATCH"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    CONTRACT_INACTIVE = "CONTRACT_INACTIVE"
    SEARCH_RESULTS_CHANGED = "SEARCH_RESULTS_CHANGED"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    OPERATION_FINISHED = "OPERATION_FINISHED"
    NOT_UNDOABLE = "NOT_UNDOABLE"
    IN_USE = "IN_USE"
    ERASED = "ERASED"
    NOT_CANCELLABLE = "NOT_CANCELLABLE"
    LOST_COUNT_CHANGED = "LOST_COUNT_CHANGED"


described(
    Channel,
    "How a candidate is contacted. It is a segment's type, chosen when it is made and never changed.",
    {
        "EMAIL": "By e-mail, at the candidate's e-mail address.",
        "SMS": "By text message, at the candidate's verified mobile number and no other.",
    },
)
described(
    IneligibilityCode,
    "A reason why a candidate may not join segments of a channel.",
    {
        "CONSENT_MISSING": "The candidate never accepted a privacy policy that the channel demands.",
        "CONSENT_WITHDRAWN": "The candidate accepted the policy and took it back.",
        "CONSENT_EXPIRED": "The candidate's acceptance of the policy has run out.",
        "EMAIL_MISSING": "The candidate has no e-mail address. Only for EMAIL.",
        "MOBILE_NOT_VERIFIED": "The candidate has no verified mobile number. Only for SMS.",
        "SUPPRESSED": "The candidate's address must not be contacted, whoever it belongs to.",
    },
)
described(
    MembershipOperationKind,
    "What an operation does to the members of its segment.",
    {
        "ADD": "Adds candidates.",
        "REMOVE": "Removes candidates.",
        "UNDO": "Takes back another operation.",
        "ELIGIBILITY_LOST": (
            "Ends memberships of candidates who may no longer be contacted. It comes of a change of consents,"
            " addresses, suppressions or required policies, of an erasure, or of a consent that expired. Nobody cancels"
            " or undoes it."
        ),
    },
)
described(
    MembershipOperationStatus,
    "How far an operation has come.",
    {
        "QUEUED": "It waits for its turn.",
        "RUNNING": "It is under way: some of its candidates have been dealt with.",
        "COMPLETED": "All of it is done.",
        "CANCELLED": "It was stopped. What it had done stays.",
        "FAILED": "It could not go on; `failure` says why. What it had done stays.",
    },
)
described(
    Permission,
    "What the bearer of a token may do.",
    {
        "READ": "Run queries.",
        "EDIT_SEGMENTS": "Make, change and delete segments and campaigns, and add and remove candidates.",
        "SYNC_CANDIDATES": "Bring in candidates, consents, vacancies and lists, as an applicant tracking system does.",
        "MANAGE_ACCOUNT": "Change contracts, policies and suppressions.",
        "REPORT": "Ask for much more in one operation than others may.",
    },
)
described(
    OrderDirection,
    "Which end of an order comes first.",
    {"ASC": "The smallest, earliest or alphabetically first.", "DESC": "The largest, latest or alphabetically last."},
)
described(
    SegmentOrderField,
    "What segments are sorted by. Segments that are equal in it are sorted by id.",
    {
        "NAME": "The name, whatever its case, by Unicode code point.",
        "CREATED_AT": "When the segment was made.",
        "LAST_MODIFIED_AT": "When the segment or its members last changed.",
        "MEMBER_COUNT": "How many members it has.",
    },
)
described(
    SegmentMemberOrderField,
    "What the members of a segment are sorted by.",
    {
        "ADDED_AT": "When they were added; those added together, by id.",
        "LAST_NAME": "Last name, then first name, whatever their case, by Unicode code point.",
    },
)
described(
    CandidateOrderField,
    "What candidates are sorted by. Candidates that are equal in it are sorted by id.",
    {
        "LAST_NAME": "Last name, then first name, whatever their case, by Unicode code point.",
        "CREATED_AT": "When the candidate was created.",
    },
)
described(
    QuotaPolicy,
    "What to do when the contract does not allow all the endpoints that an addition needs.",
    {
        "REJECT": "Add nobody, and say what is missing.",
        "FILL": (
            "Add as many as the contract still allows: first candidates whose endpoint is in use already, which"
            " costs nothing, then the oldest."
        ),
    },
)
described(
    ExportFormat,
    "How an export is written: in UTF-8, a line for each candidate, by their ids.",
    {
        "CSV": (
            "RFC 4180 with a line of names, lines ending in LF. A text that a spreadsheet would compute, for it begins"
            " with = + - @, a tab or a line end, comes with an apostrophe before it; a number in E.164 stays as it is."
        ),
        "NDJSON": "One JSON object on each line, with every text as it is.",
    },
)
described(
    CandidateListMode,
    "What becomes of candidates who are named for a candidate list.",
    {
        "REPLACE": "They are on the list from now on, and nobody else.",
        "ADD": "They are on the list too.",
        "REMOVE": "They are on the list no longer.",
    },
    name="CandidateListMode",
)
described(
    UserErrorCode,
    "What went wrong with a mutation, for programs.",
    {
        "INVALID_INPUT": "A value is out of its bounds; the message says which bounds.",
        "NOT_FOUND": "There is nothing with this id in the account.",
        "NAME_TAKEN": "Another thing of its kind has the name.",
        "SEGMENT_ARCHIVED": (
            "The segment is archived: nobody adds or removes members, and no campaign may begin to include it."
        ),
        "CHANNEL_MISMATCH": "The segment is for another channel than the campaign.",
        "QUOTA_EXCEEDED": "The contract does not allow the endpoints that this needs.",
        "CONTRACT_INACTIVE": "No contract is in force today.",
        "SEARCH_RESULTS_CHANGED": "The search finds another number of candidates than the user saw.",
        "IDEMPOTENCY_KEY_REUSED": "The key came with another input before.",
        "OPERATION_FINISHED": "The operation is over.",
        "NOT_UNDOABLE": "The operation cannot be undone.",
        "IN_USE": "A campaign uses the segment.",
        "NOT_CANCELLABLE": "The operation ends memberships of candidates who may not be contacted.",
        "ERASED": "The person was erased, for good: whoever has this external id does not come back.",
        "LOST_COUNT_CHANGED": "Another number of memberships would end than the user saw.",
    },
)
