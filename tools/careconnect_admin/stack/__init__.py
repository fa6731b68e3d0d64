"""The stack that a command works on: finding it, signing in, and readable AWS errors."""
