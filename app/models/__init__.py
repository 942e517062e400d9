"""The tables: the source of migrations and of column names."""

from sqlmodel import SQLModel

from app.models.account import Account, Contract, EndpointUsage
from app.models.audit import APPEND_ONLY, AuditEntry
from app.models.campaign import Campaign, CampaignSegment
from app.models.candidate import Candidate, ErasedCandidate
from app.models.candidate_list import CandidateList, CandidateListMember
from app.models.columns import Channel, IneligibilityCode, MembershipOperationKind, MembershipOperationStatus
from app.models.consent import Consent, PolicyRequirement, PrivacyPolicy, Suppression
from app.models.operation import IdempotencyKey, MembershipOperation, PendingCandidate, SkippedCandidate
from app.models.rate_limit import RateLimit
from app.models.segment import PastSegmentMember, Segment, SegmentMember
from app.models.vacancy import Application, Vacancy

metadata = SQLModel.metadata

__all__ = [
    "APPEND_ONLY",
    "Account",
    "Application",
    "AuditEntry",
    "Campaign",
    "CampaignSegment",
    "Candidate",
    "CandidateList",
    "CandidateListMember",
    "Channel",
    "Consent",
    "Contract",
    "EndpointUsage",
    "ErasedCandidate",
    "IdempotencyKey",
    "IneligibilityCode",
    "MembershipOperation",
    "MembershipOperationKind",
    "MembershipOperationStatus",
    "PastSegmentMember",
    "PendingCandidate",
    "PolicyRequirement",
    "PrivacyPolicy",
    "RateLimit",
    "Segment",
    "SegmentMember",
    "SkippedCandidate",
    "Suppression",
    "Vacancy",
    "metadata",
]
