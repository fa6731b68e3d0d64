"""Serve the discovery documents and the signing keys, and the errors for methods that no other function supports."""
