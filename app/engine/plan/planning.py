"""Keeps the plans of documents, and runs queries by them where it can."""

from collections.abc import Mapping
from typing import Any

import strawberry
from graphql.execution.values import VariableValues, get_variable_values

from app.engine.documents import MOST_PLANS, Document, Operation
from app.engine.plan.compiling import Grounds, Uncovered, compiled
from app.engine.plan.running import Plan, Surprise
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
        self._grounds = Grounds(
            schema._schema, schema.schema_converter.scalar_registry, schema.config, {**SHORTCUTS, **(shortcuts or {})}
        )

    async def run(
        self, document: Document, operation: Operation, given: dict[str, Any] | None, context: Any
    ) -> dict[str, Any]:
        """The data of a query. Raises Fallback when there is no plan for it or anything goes wrong on the way."""
        try:
            variables = self._variables(operation, given)
            return await self._plan(document, operation, variables).run(context, variables)
        except Uncovered as uncovered:
            raise Fallback("uncovered") from uncovered
        except Surprise as surprise:
            raise Fallback("surprise") from surprise
        except Exception as error:
            raise Fallback("error") from error

    def _variables(self, operation: Operation, given: dict[str, Any] | None) -> VariableValues:
        declared = operation.node.variable_definitions
        if not declared:
            return NO_VARIABLES
        found = get_variable_values(self._grounds.schema, declared, given or {})
        if not isinstance(found, VariableValues):
            raise found[0]
        return found

    def _plan(self, document: Document, operation: Operation, variables: VariableValues) -> Plan:
        kept = operation.plans
        if kept.deciding is None:
            kept.deciding = deciding_variables(document.node, operation.node)
        variant = tuple(variables.coerced[name] for name in kept.deciding)
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
