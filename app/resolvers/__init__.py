"""What the graph does: root fields, one module per mutation, and the loaders of nested fields."""
