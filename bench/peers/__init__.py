"""Servers that answer the same reads as Segments, each as its authors would write it, for `bench.reads`.

Each listens on PORT, finds PostgreSQL by PGHOST, PGUSER and PGDATABASE and the secret of HS256 tokens in JWT_SECRET,
answers POST /graphql for the account that the verified token names, and runs in one process.
"""
