"""Authenticate OAuth clients."""
