"""Audit the changes that an operator makes: clients, signing keys, tokens, loads."""
