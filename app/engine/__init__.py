"""A GraphQL engine that knows nothing of segments: HTTP in front, graphql-core behind, batches between."""
