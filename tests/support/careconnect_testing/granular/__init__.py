"""Granular scopes against a linear oracle: generated stores, scopes and requests, and what each may tell."""
