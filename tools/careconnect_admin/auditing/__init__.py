"""Audit events for an operator's changes: clients, signing keys, tokens, loads."""
