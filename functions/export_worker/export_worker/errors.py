"""The errors that end a step."""


class TryAgainError(Exception):
    """A step could not be done now, and is to be repeated; the text is a service's error code."""


class OverError(Exception):
    """The job does not run any more: no step of it goes on."""
