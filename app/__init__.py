"""Segments: candidate segments over GraphQL."""
