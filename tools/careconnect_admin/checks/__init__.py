"""Checks of a running deployment from outside."""
