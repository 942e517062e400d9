"""Inputs that come by the thousand."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import strawberry

AnyInput = TypeVar("AnyInput")


def flat_input(description: str) -> Callable[[type[AnyInput]], type[AnyInput]]:
    """Makes an input type whose fields are scalars or lists of scalars: they are taken as graphql-core has read them.

    Strawberry would find out anew for each value of each input what its type is, which takes as long as all the rest
    of a sync.
    """

    def decorate(kind: type[AnyInput]) -> type[AnyInput]:
        made: type[AnyInput] = strawberry.input(kind, description=description)
        definition: Any = made.__strawberry_definition__  # type: ignore[attr-defined]
        names: dict[str, str] = {}

        def filled(_: type[AnyInput], value: Mapping[str, Any], context: Any) -> AnyInput:
            if not names:
                named = context.config.name_converter.from_field
                names.update((named(field), field.python_name) for field in definition.fields)
            return made(**{names[name]: each for name, each in value.items()})

        definition.from_input = filled
        return made

    return decorate
