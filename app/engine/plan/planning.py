"""Keeps the plans of documents, and runs queries by them where it can."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import strawberry
from graphql import VariableDefinitionNode
from graphql.execution.values import VariableValues, get_variable_values

from app.engine.documents import MOST_PLANS, Document, Operation
from app.engine.plan.arguments import Values, either
from app.engine.plan.compiling import Grounds, Uncovered, compiled
from app.engine.plan.inputs import Odd
from app.engine.plan.running import Given, Plan, Surprise
from app.engine.plan.selecting import deciding_variables
from app.engine.plan.writing import SHORTCUTS, Shortcut

NO_VARIABLES = VariableValues({}, {})


class Fallback(Exception):  # noqa: N818
    """The query must be run by graphql-core, because it is {0}."""

    def __init__(self, reason: str) -> None:
        """The reason is `uncovered` by plans, or else a `surprise` or an `error` came on the way."""
        super().__init__(str(self.__doc__).format(reason))
        self.reason = reason


class Plans:
    """Runs the queries of one schema level by level."""

    def __init__(self, schema: strawberry.Schema, shortcuts: Mapping[str, Shortcut] | None = None) -> None:
        """The shortcuts are by the names of scalars, beside those of the specification."""
        scalars = schema.schema_converter.scalar_registry
        values = Values(schema._schema, scalars, schema.config)
        self._grounds = Grounds(schema._schema, scalars, schema.config, values, {**SHORTCUTS, **(shortcuts or {})})

    async def run(self, document: Document, operation: Operation, given: Given, context: Any) -> dict[str, Any]:
        """The data of a query. Raises Fallback when there is no plan for it or anything goes wrong on the way.

        What is given may have been given before, of the same operation.
        """
        try:
            variables = given.coerced
            if variables is None:
                variables = self._variables(operation, given.variables)
                given.note_coerced(variables)
            return await self._plan(document, operation, variables).run(context, variables, given)
        except Uncovered as uncovered:
            raise Fallback("uncovered") from uncovered
        except Surprise as surprise:
            raise Fallback("surprise") from surprise
        except Exception as error:
            raise Fallback("error") from error

    def _variables(self, operation: Operation, given: dict[str, Any] | None) -> VariableValues:
        if not operation.node.variable_definitions:
            return NO_VARIABLES
        kept = operation.plans
        if kept.variables is None:
            kept.variables = self._reading(operation.node.variable_definitions)
        found: VariableValues = kept.variables(given or {})
        return found

    def _reading(self, declared: Collection[VariableDefinitionNode]) -> Callable[[dict[str, Any]], VariableValues]:
        schema = self._grounds.schema

        def thorough(given: dict[str, Any]) -> VariableValues:
            found = get_variable_values(schema, declared, given)
            if not isinstance(found, VariableValues):
                raise found[0]
            return found

        try:
            return either(self._grounds.values.variables(declared), thorough)
        except Odd:
            return thorough

    def _plan(self, document: Document, operation: Operation, variables: VariableValues) -> Plan:
        kept = operation.plans
        if kept.deciding is None:
            kept.deciding = deciding_variables(document.node, operation.node)
        variant = tuple([variables.coerced[name] for name in kept.deciding]) if kept.deciding else ()
        plan = kept.by_variant.get(variant)
        if plan is None:
            if len(kept.by_variant) == MOST_PLANS:
                raise Uncovered("more variants than are kept")
            plan = kept.by_variant[variant] = self._compiled(document, operation, variables)
        if isinstance(plan, str):
            raise Uncovered(plan)
        return plan

    def _compiled(self, document: Document, operation: Operation, variables: VariableValues) -> Plan | str:
        """The plan, or what of the query plans do not cover."""
        try:
            return compiled(self._grounds, document.node, operation.node, variables.coerced)
        except Uncovered as uncovered:
            return uncovered.what
