"""Chains and `_has`: conditions on resources that a resource refers to, or that refer to it."""
