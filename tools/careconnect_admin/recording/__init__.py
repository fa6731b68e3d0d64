"""The access record of what an operator changes: clients, signing keys and the life of tokens."""
