"""The local stack and its deployed functions, driven by tests."""
