"""The audit trail, as an operator reads it."""
