"""Bulk exports against an oracle: generated stores, kick-offs and writers, with workers that are killed at any call."""
