"""Keeping what another system says, by the ids of that system: the same whether it comes by file or by request."""
