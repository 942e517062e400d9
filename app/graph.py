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

from app.engine.batch import value_of
from app.resolvers.mutations.add_candidates_to_segment import add_candidates_to_segment
from app.resolvers.mutations.archive_segment import archive_segment
from app.resolvers.mutations.create_campaign import create_campaign
from app.resolvers.mutations.create_segment import create_segment
from app.resolvers.mutations.delete_campaign import delete_campaign
from app.resolvers.mutations.delete_segment import delete_segment
from app.resolvers.mutations.remove_candidates_from_segment import remove_candidates_from_segment
from app.resolvers.mutations.rename_segment import rename_segment
from app.resolvers.mutations.restore_segment import restore_segment
from app.resolvers.mutations.set_campaign_segments import set_campaign_segments
from app.resolvers.queries import Query
from app.resolvers.subscriptions import Subscription
from app.schema.errors import IMPLEMENTATIONS
from app.schema.scalars import Date, DateTime


def _mutation(resolver: object, description: str) -> object:
    return strawberry.mutation(resolver=resolver, description=f"{description} Needs EDIT_SEGMENTS.")  # type: ignore[call-overload]


@strawberry.type(
    description="Everything that can be changed. Each mutation happens whole or, when it has userErrors, not at all."
)
class Mutation:
    create_segment = _mutation(create_segment, "Makes an empty segment.")
    rename_segment = _mutation(rename_segment, "Gives a segment another name.")
    archive_segment = _mutation(
        archive_segment,
        "Takes a segment out of use. Nobody adds or removes members then, and they go on using their endpoints.",
    )
    restore_segment = _mutation(restore_segment, "Takes an archived segment back into use.")
    delete_segment = _mutation(delete_segment, "Deletes a segment for good and ends its memberships.")
    add_candidates_to_segment = _mutation(
        add_candidates_to_segment,
        "Adds those of the candidates who may join, and says who was left out and why.",
    )
    remove_candidates_from_segment = _mutation(
        remove_candidates_from_segment, "Removes candidates. Endpoints that nothing else needs are free at once."
    )
    create_campaign = _mutation(create_campaign, "Makes a campaign.")
    set_campaign_segments = _mutation(set_campaign_segments, "Replaces the segments of a campaign.")
    delete_campaign = _mutation(delete_campaign, "Deletes a campaign for good. Its segments stay.")


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
