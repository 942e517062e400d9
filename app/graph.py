"""The whole graph, put together from its root fields."""

from datetime import date, datetime

import strawberry
from graphql import (
    GraphQLArgument,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    get_named_type,
    print_schema,
)
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema_converter import GraphQLCoreConverter

from app.auth import Permission
from app.engine.batch import value_of
from app.resolvers.mutations.add_candidates_to_segment import add_candidates_to_segment
from app.resolvers.mutations.add_suppressions import add_suppressions
from app.resolvers.mutations.archive_segment import archive_segment
from app.resolvers.mutations.cancel_operation import cancel_operation
from app.resolvers.mutations.create_campaign import create_campaign
from app.resolvers.mutations.create_privacy_policy import create_privacy_policy
from app.resolvers.mutations.create_segment import create_segment
from app.resolvers.mutations.delete_campaign import delete_campaign
from app.resolvers.mutations.delete_segment import delete_segment
from app.resolvers.mutations.erase_candidates import erase_candidates
from app.resolvers.mutations.lift_suppressions import lift_suppressions
from app.resolvers.mutations.record_applications import record_applications
from app.resolvers.mutations.record_consents import record_consents
from app.resolvers.mutations.remove_candidates_from_segment import remove_candidates_from_segment
from app.resolvers.mutations.rename_privacy_policy import rename_privacy_policy
from app.resolvers.mutations.rename_segment import rename_segment
from app.resolvers.mutations.renew_contract import renew_contract
from app.resolvers.mutations.restore_segment import restore_segment
from app.resolvers.mutations.set_campaign_segments import set_campaign_segments
from app.resolvers.mutations.set_candidate_list_members import set_candidate_list_members
from app.resolvers.mutations.set_endpoint_limit import set_endpoint_limit
from app.resolvers.mutations.set_required_policies import set_required_policies
from app.resolvers.mutations.undo_operation import undo_operation
from app.resolvers.mutations.upsert_candidate_lists import upsert_candidate_lists
from app.resolvers.mutations.upsert_candidates import upsert_candidates
from app.resolvers.mutations.upsert_vacancies import upsert_vacancies
from app.resolvers.mutations.withdraw_consents import withdraw_consents
from app.resolvers.queries import Query
from app.resolvers.subscriptions import Subscription
from app.schema.errors import IMPLEMENTATIONS
from app.schema.scalars import Date, DateTime


def _mutation(resolver: object, description: str, needs: Permission = Permission.EDIT_SEGMENTS) -> object:
    return strawberry.mutation(resolver=resolver, description=f"{description} Needs {needs}.")  # type: ignore[call-overload]


def _sync(resolver: object, description: str) -> object:
    return _mutation(resolver, description, Permission.SYNC_CANDIDATES)


@strawberry.type(
    description=(
        "Everything that can be changed. Each mutation happens whole or, when it has userErrors, not at all; those that"
        " take many items keep the good ones, and say of each of the others what is wrong with it."
    )
)
class Mutation:
    create_segment = _mutation(create_segment, "Makes an empty segment.")
    rename_segment = _mutation(rename_segment, "Gives a segment another name.")
    archive_segment = _mutation(
        archive_segment,
        "Takes a segment out of use. Nobody adds or removes members then, and they go on using their endpoints."
        " Operations under way go on.",
    )
    restore_segment = _mutation(restore_segment, "Takes an archived segment back into use.")
    delete_segment = _mutation(
        delete_segment, "Deletes a segment for good, ends its memberships and cancels operations under way on it."
    )
    add_candidates_to_segment = _mutation(
        add_candidates_to_segment,
        "Adds those of the candidates who may join, and says who was left out and why. When more than 5,000 are"
        " selected, they are queued, and the endpoints they need reserved.",
    )
    remove_candidates_from_segment = _mutation(
        remove_candidates_from_segment,
        "Removes candidates. Endpoints that nothing else needs are free at once. More than 5,000 are queued.",
    )
    create_campaign = _mutation(create_campaign, "Makes a campaign.")
    set_campaign_segments = _mutation(set_campaign_segments, "Replaces the segments of a campaign.")
    delete_campaign = _mutation(delete_campaign, "Deletes a campaign for good. Its segments stay.")
    cancel_operation = _mutation(
        cancel_operation, "Stops an operation that has not ended. What it had done stays; undoOperation takes it back."
    )
    undo_operation = _mutation(
        undo_operation,
        "Takes back an addition or a removal: once, by an operation of its own. More than 5,000 are queued.",
    )
    set_endpoint_limit = _mutation(
        set_endpoint_limit,
        "Changes how many endpoints the contract in force allows.",
        Permission.MANAGE_ACCOUNT,
    )
    renew_contract = _mutation(
        renew_contract, "Makes the next contract, beside those there are.", Permission.MANAGE_ACCOUNT
    )
    upsert_candidates = _sync(
        upsert_candidates,
        "Makes candidates and changes those that are known, by their externalId. Memberships that rested on an address"
        " end with it.",
    )
    upsert_vacancies = _sync(upsert_vacancies, "Makes vacancies and changes those that are known, by their externalId.")
    record_applications = _sync(record_applications, "Registers candidates for vacancies, or changes when they did.")
    upsert_candidate_lists = _sync(
        upsert_candidate_lists, "Makes candidate lists and renames those that are known, by their externalId."
    )
    set_candidate_list_members = _sync(set_candidate_list_members, "Changes who is on a candidate list.")
    record_consents = _mutation(
        record_consents,
        "Keeps what candidates accepted. Idempotent: the last word of a candidate on a policy, by its moment, stands.",
        Permission.SYNC_CANDIDATES,
    )
    withdraw_consents = _mutation(
        withdraw_consents,
        "Takes candidates' consents back, now. Memberships that rested on them end with it.",
        Permission.SYNC_CANDIDATES,
    )
    erase_candidates = _mutation(
        erase_candidates,
        "Erases people and everything that is kept of them, for good.",
        Permission.SYNC_CANDIDATES,
    )
    add_suppressions = _mutation(
        add_suppressions,
        "Keeps addresses from being contacted, whoever has them. Memberships of theirs in the channel end with it.",
        Permission.MANAGE_ACCOUNT,
    )
    lift_suppressions = _mutation(
        lift_suppressions, "Lets suppressed addresses be contacted again.", Permission.MANAGE_ACCOUNT
    )
    create_privacy_policy = _mutation(
        create_privacy_policy, "Makes a privacy policy that no channel demands yet.", Permission.MANAGE_ACCOUNT
    )
    rename_privacy_policy = _mutation(
        rename_privacy_policy, "Gives a privacy policy another name.", Permission.MANAGE_ACCOUNT
    )
    set_required_policies = _mutation(
        set_required_policies,
        "Says which policies the segments of a channel demand. Memberships of those who did not accept them end with"
        " it. requiredPoliciesPreview says whose.",
        Permission.MANAGE_ACCOUNT,
    )


def _finished(schema: GraphQLSchema) -> GraphQLSchema:
    """Three things that Strawberry leaves to its own executor or says differently.

    It makes `= null` of Python's None; left out and null mean the same here, so the graph need not say it. It
    checks oneOf inputs by itself, where graphql-core does as soon as the type says that it is one. And it does not
    say of the input of a mutation what it says of its type.
    """
    for kind in schema.type_map.values():
        inputs: list[GraphQLArgument | GraphQLInputField] = []
        if isinstance(kind, GraphQLInputObjectType):
            inputs = list(kind.fields.values())
            kind.is_one_of = kind.extensions[GraphQLCoreConverter.DEFINITION_BACKREF].is_one_of
        elif isinstance(kind, GraphQLObjectType):
            inputs = [argument for field in kind.fields.values() for argument in field.args.values()]
        for each in inputs:
            if each.description is None:
                each.description = get_named_type(each.type).description
            if each.default_value is None:
                each.default_value = Undefined
    return schema


strawberry_schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=IMPLEMENTATIONS,
    config=StrawberryConfig(default_resolver=value_of, scalar_map={date: Date, datetime: DateTime}),
)
schema = _finished(strawberry_schema._schema)


def sdl() -> str:
    """The graph in GraphQL's schema language, as clients' tools take it."""
    return print_schema(schema) + "\n"
