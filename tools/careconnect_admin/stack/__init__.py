"""The stack that a command works on."""
