"""Batch functions: each takes the keys of all parents on a level and returns their values."""
