"""Whether fields of one name can be merged, within a bound on the time that it takes to find out."""

from graphql import OverlappingFieldsCanBeMergedRule, ValidationContext


def bounded(most: int) -> type[OverlappingFieldsCanBeMergedRule]:
    """The rule of graphql-core with so many comparisons of fields. With one more, validation is aborted.

    It compares fields of the same response name pair by pair, so that its time can grow with the square of a document.
    A document that repeats nothing needs none.
    """

    class BoundedRule(OverlappingFieldsCanBeMergedRule):
        def __init__(self, context: ValidationContext) -> None:
            super().__init__(context)
            # graphql-core counts two for each comparison of two fields and one for each of two sets of them.
            self.rule_context.remaining_complexity_budget = 2 * most

    return BoundedRule
