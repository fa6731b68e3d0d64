"""The access record, as an operator reads it."""
