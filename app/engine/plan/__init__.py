"""Runs ordinary queries level by level: every field once for all its parents, instead of once for each.

A document is compiled once. What it selects between two fields that must be awaited becomes one generated function,
which turns the rows of all parents into what the client gets; the fields that are awaited are called once for a
level. Whatever is not covered, and every surprise on the way, is left to graphql-core: a query has no side effects, so
it can be run again to learn exactly what is wrong.
"""

from app.engine.plan.planning import Fallback, Plans
from app.engine.plan.running import Asking, Columns, Given, read_of
from app.engine.plan.writing import Shortcut

__all__ = ["Asking", "Columns", "Fallback", "Given", "Plans", "Shortcut", "read_of"]
