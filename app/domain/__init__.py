"""The rules of Segments and their SQL. Knows neither GraphQL nor HTTP."""
