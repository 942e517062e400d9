"""What clients see: types, inputs and payloads."""
